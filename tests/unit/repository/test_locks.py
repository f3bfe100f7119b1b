"""The locks: every package by version and hash, nothing of the machine that made them, everything that is asked for."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ["requirements.lock", "requirements-localstack.lock"]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in PIN.finditer((ROOT / lock).read_text()):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def asked_for(lock: str) -> list[Requirement]:
    pyproject: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    if lock == "requirements-localstack.lock":
        return [Requirement(text) for text in groups["localstack"]]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    return [Requirement(text) for text in [*project["dependencies"], *extras, *groups["dev"]]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    bare = [block.split()[0] for block in blocks if PIN.match(block) and "--hash=sha256:" not in block]
    assert not bare


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_place_of_a_machine(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if "://" in line or re.search(r"(^|\s)/|index-url|find-links", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    pinned = pins(lock)
    missing = [
        str(wanted)
        for wanted in asked_for(lock)
        if not any(Version(found) in wanted.specifier for found in pinned.get(canonicalize_name(wanted.name), ()))
    ]
    assert not missing, "run `make lock`"


def test_moto_and_localstacks_copy_of_it_are_never_in_one_environment() -> None:
    assert "moto-ext" not in pins("requirements.lock")
    assert "moto" not in pins("requirements-localstack.lock")
