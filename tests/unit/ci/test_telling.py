"""The log of a job: sections, lines that command nothing, annotations at the right line; and the values for later jobs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from baton.ci.annotating import Annotation, annotations, written
from baton.ci.leaving import Files, NotWritten, Told, dotenv, leave, parameters
from baton.ci.narrating import Narration, Sections, harmless
from baton.ci.surroundings import Surroundings, System
from lifecycle.blueprint import load
from lifecycle.blueprint.problems import BlueprintInvalid
from lifecycle.errors import BatonError
from lifecycle.events import Event
from tests.support.rehearsal import ended

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GITHUB = Surroundings(System.GITHUB, 17, "abcdef1234567890", root="/builds/shop")
BLUEPRINT = """blueprint: 1
name: shop
stacks:
  data: {source: ./data}
  front: {source: ./front}
configure:
  - {name: app, playbook: app.yml, hosts: {group: web}}
verify:
  checks:
    - {name: db-answers, tcp: "10.0.0.1:3306"}
    - name: home
      http: {url: "http://10.0.0.1/"}
"""


def test_sections_of_github_and_gitlab_open_and_close_in_pairs() -> None:
    for system, expected in (
        (System.GITHUB, ["::group::planning", "::endgroup::", "::group::two lines", "::endgroup::"]),
        (
            System.GITLAB,
            [
                "\x1b[0Ksection_start:7:baton_1\r\x1b[0Kplanning",
                "\x1b[0Ksection_end:7:baton_1\r\x1b[0K",
                "\x1b[0Ksection_start:7:baton_2\r\x1b[0Ktwo lines",
                "\x1b[0Ksection_end:7:baton_2\r\x1b[0K",
            ],
        ),
        (System.OTHER, ["== planning", "== two lines"]),
    ):
        lines: list[str] = []
        sections = Sections(system, lines.append, lambda: 7.9)
        sections.begin("planning")
        sections.begin("two\nlines")
        sections.end()
        sections.end()
        assert lines == expected


def test_what_a_tool_says_commands_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    narration = Narration(System.GITHUB)
    with narration.view() as tell:
        tell(Event(NOW, "run.started", "up shop/dev r1"))
        tell(Event(NOW, "step.started", "apply\n::add-mask::x\n  ##[error]y", "apply:x"))
        data = {"status": "failed", "hint": "::stop-commands::z", "title": "t", "seconds": 1.5}
        tell(Event(NOW, "step.finished", "no\n::endgroup::", "apply:x", data=data))
        tell(Event(NOW, "environment.phase", "failed", data={"phase": "failed"}))
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.lstrip().startswith(("::", "##["))] == [
        "::group::up shop/dev r1",
        "::endgroup::",
    ]
    assert lines[-2:] == ["::endgroup::", "== failed"]
    assert narration.seconds == {"apply:x": 1.5}
    assert harmless("a::b\n\t::error::") == "a::b\n\t| ::error::"


def test_a_mistake_in_the_blueprint_is_annotated_where_it_is() -> None:
    with pytest.raises(BlueprintInvalid) as caught:
        load("blueprint: 1\nname: shop\nstackz: {}\n", "/builds/shop/shop/blueprint.yaml")
    lines = [written(one, GITHUB) for one in annotations(caught.value, None, None)]
    assert any(line.startswith("::error file=shop/blueprint.yaml,line=3,col=1,title=stackz::") for line in lines)


@pytest.mark.parametrize(("broken", "line"), [("apply front", 5), ("configure app web-1", 7), ("probe home", 11)])
def test_a_step_that_failed_is_annotated_at_its_line(tmp_path: Path, broken: str, line: int) -> None:
    path = tmp_path / "blueprint.yaml"
    path.write_text(BLUEPRINT)
    (first, *_) = annotations(BatonError("it failed"), path, ended(broken))
    assert (first.file, first.line) == (str(path), line)


def test_a_message_cannot_add_properties_or_lines() -> None:
    line = written(Annotation("50% of\n::error::x", "a,b:c", 3, title="x,line=9"), GITHUB)
    assert line == "::error file=a%2Cb%3Ac,line=3,title=x%2Cline=9::50%25 of%0A::error::x"
    gitlab = written(Annotation("no\nway", "b.yaml", 3), Surroundings(System.GITLAB))
    assert gitlab == "\x1b[31mb.yaml:3: error: no way\x1b[0m"


def test_files_are_written_for_a_run_that_failed(tmp_path: Path) -> None:
    run = ended("probe home")
    around = Surroundings(System.GITHUB, 17, summary=str(tmp_path / "summary"), outputs=str(tmp_path / "outputs"))
    told = Told("up", run.environment.ref, around, run, BatonError("verify home: it does not answer"))
    leave(told, Files(tmp_path / "new/checks.xml", tmp_path / "comment.md", tmp_path / "env"))
    assert 'failures="1"' in (tmp_path / "new/checks.xml").read_text()
    assert (tmp_path / "summary").read_text() == (tmp_path / "comment.md").read_text()
    assert "### shop/dev: up ended with 1 (failed)" in (tmp_path / "comment.md").read_text()
    outputs = (tmp_path / "outputs").read_text().splitlines()
    assert [line.split("<<")[0] for line in outputs[::3]] == list(told.values)
    assert outputs[outputs.index(outputs[0].split("<<")[1]) - 1] == "shop/dev"
    assert "BATON_CI_PHASE=failed\n" in (tmp_path / "env").read_text()


def test_a_dotenv_value_stays_on_its_line() -> None:
    assert dotenv({"url": "a\nPATH=/evil", "urls": " b  c "}) == "BATON_CI_URL=a PATH=/evil\nBATON_CI_URLS=b c\n"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run = ended()
    told = Told("up", run.environment.ref, Surroundings(System.OTHER), run)
    with pytest.raises(NotWritten, match="cannot be written"):
        leave(told, Files(junit=tmp_path))


def test_parameters_are_json_where_they_can_be() -> None:
    assert parameters(["a=1", 'b={"c": [true]}', "d=/x=y", "e="]) == {"a": 1, "b": {"c": [True]}, "d": "/x=y", "e": ""}
    with pytest.raises(ValueError, match="nothing"):
        parameters(["nothing"])
