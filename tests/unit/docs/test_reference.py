"""The pages that are read off the program say what the program says."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from baton.__main__ import application
from lifecycle.blueprint import references, yaml12
from lifecycle.blueprint.descriptions import descriptions
from lifecycle.blueprint.schema import models
from local_cloud.cli import parser
from scripts.docs import commands, json_lines
from scripts.docs.pages import PAGES, REFERENCE, ROOT, stale

APP = application()
COMMANDS = (REFERENCE / "commands.md").read_text(encoding="utf-8")
BLUEPRINT = (REFERENCE / "blueprint.md").read_text(encoding="utf-8")


def test_no_generated_page_is_stale() -> None:
    old = [str(path.relative_to(ROOT)) for path in stale()]
    assert not old, f"not what the program says today: {', '.join(old)}; write them anew with: make docs"


def test_a_page_that_was_changed_by_hand_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = {tmp_path / path.name: made for path, made in PAGES.items()}
    monkeypatch.setattr("scripts.docs.pages.PAGES", copies)
    for path, made in copies.items():
        path.write_text(made(), encoding="utf-8")
    assert stale() == []
    changed = tmp_path / "commands.md"
    changed.write_text(changed.read_text(encoding="utf-8") + "One more word.\n", encoding="utf-8")
    assert stale() == [changed]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_of_a_blueprint_has_a_text(model: type) -> None:
    missing = [name for name in model.model_fields if name not in descriptions(model)]  # type: ignore[attr-defined]
    assert not missing, f"write a text under these fields of {model.__name__}: {missing}"


def test_every_reference_that_exists_is_explained() -> None:
    assert re.findall(r"`\$\{environment\.(\w+)\}`", BLUEPRINT) == list(references.ENVIRONMENT_KEYS)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/blueprint.yaml")), ids=lambda path: path.parent.name
)
def test_an_example_names_the_schema_and_fits_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, "the first line names the schema, so that editors complete keys"
    schema = (path.parent / named[1]).resolve()
    assert schema == REFERENCE / "blueprint.schema.json"
    Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(yaml12.read(text).data)


def test_every_verb_has_help_and_stands_in_the_reference() -> None:
    for name in commands.verbs(APP):
        assert APP[name].help.strip(), f"baton {name} has no help"
        assert f"\n## baton {name}\n" in COMMANDS
        for inner in commands.verbs(APP[name]):
            assert APP[name][inner].help.strip(), f"baton {name} {inner} has no help"
            assert f"\n### baton {name} {inner}\n" in COMMANDS


def test_every_verb_of_the_local_cloud_has_help_and_stands_in_the_reference() -> None:
    for name, one in commands.cloud_verbs(parser()).items():
        assert one.description, f"baton cloud {name} has no help"
        assert f"\n### baton cloud {name}\n" in COMMANDS


def test_every_option_has_help() -> None:
    for name in set(commands.verbs(APP)) - {commands.OWN_GRAMMAR}:
        for one in [APP[name], *(APP[name][inner] for inner in commands.verbs(APP[name]))]:
            for argument in [] if commands.verbs(one) else one.assemble_argument_collection():
                assert argument.parameter.help, f"{argument.name} of baton {name} has no help"


def test_no_help_text_is_lost_in_markdown() -> None:
    outside_code = re.sub(r"`[^`]*`", "", COMMANDS.split("-->", 1)[1])
    assert not re.findall(r"<\w+>", outside_code)


def test_every_verb_has_a_file_of_its_own() -> None:
    files = {path.stem for path in (ROOT / "baton" / "verbs").glob("*.py")} - {"__init__"}
    assert files == set(commands.verbs(APP)) - {commands.OWN_GRAMMAR}


def test_the_events_in_the_reference_are_those_that_the_code_says() -> None:
    assert set(json_lines.EVENTS) == json_lines.said()


def test_every_variable_that_the_code_reads_stands_in_the_reference() -> None:
    ours = {"BATON_THROUGH", "BATON_CI_PHASE"}  # from one of our processes to another; what is only written
    read: set[str] = set()
    for room in ("adapters", "baton", "flows", "lifecycle", "local_cloud"):
        for path in (ROOT / room).rglob("*.py"):
            read |= set(re.findall(r"\bBATON_[A-Z]+(?:_[A-Z]+)*\b", path.read_text(encoding="utf-8")))
    assert {name for name in read - ours if f"`{name}`" not in COMMANDS} == set()
