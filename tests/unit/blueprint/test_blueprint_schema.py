import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from lifecycle.blueprint import yaml12
from lifecycle.blueprint.places import LATER, keys_at
from lifecycle.blueprint.schema import schema

CASES = sorted((Path(__file__).parents[2] / "golden" / "blueprint").glob("*/blueprint.yaml"))
VALID = [case for case in CASES if case.parent.name.startswith("valid-")]
SHAPE = (
    "key-unknown",
    "keys-missing",
    "types-",
    "version-",
    "later-",
    "serial",
    "check-http",
    "check-probe",
    "check-sql",
)
INVALID = [case for case in CASES if case.parent.name.startswith(SHAPE)]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.parent.name)
def test_an_editor_finds_nothing_in_a_valid_blueprint(case: Path, validator: Draft202012Validator) -> None:
    document = yaml12.read(case.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(document.data)] == []


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.parent.name)
def test_an_editor_finds_what_has_the_wrong_shape(case: Path, validator: Draft202012Validator) -> None:
    document = yaml12.read(case.read_text(encoding="utf-8"))
    assert not validator.is_valid(document.data)


def test_the_schema_is_printed_for_a_file() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "lifecycle.blueprint.schema"], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(printed.stdout) == schema()


def test_the_case_with_every_key_has_every_key() -> None:
    """So that the example of the format, and all tests that use it, stay complete."""
    case = next(case for case in VALID if case.parent.name == "valid-every-key")
    used: dict[tuple[str, ...], set[str]] = {}
    for path in yaml12.read(case.read_text(encoding="utf-8")).values:
        place = tuple("*" if isinstance(part, int) or path[:i] in FREE else part for i, part in enumerate(path[:-1]))
        if path and isinstance(path[-1], str):
            used.setdefault(place, set()).add(path[-1])
    for place in PLACES:
        concrete = tuple(0 if part == "*" and path_is_list(place, i) else part for i, part in enumerate(place))
        assert used[place] == set(keys_at(concrete)), place


FREE = {("stacks",), ("inputs",)}
PLACES = [
    (),
    ("inputs", "*"),
    ("connection",),
    ("stacks", "*"),
    ("stacks", "*", "hosts", "*"),
    ("configure", "*"),
    ("configure", "*", "hosts"),
    ("verify",),
    ("verify", "defaults"),
    ("verify", "checks", "*", "http"),
    ("verify", "checks", "*", "http", "body"),
    ("verify", "checks", "*", "tcp"),
    ("verify", "checks", "*", "tls"),
    ("verify", "checks", "*", "sql"),
    ("verify", "checks", "*", "expect"),
    ("verify", "checks", "*", "expect", "stdout"),
    ("lease",),
    ("schedule",),
    ("schedule", "teardown"),
    ("cost",),
    ("backend",),
    ("backend", "s3"),
]


def path_is_list(place: tuple[str, ...], index: int) -> bool:
    return place[:index] not in FREE


def test_keys_of_later_features_are_no_keys_of_the_format() -> None:
    for place, keys in LATER.items():
        assert not keys & set(keys_at(place))
