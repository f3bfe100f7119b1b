"""Links lead somewhere, and commands in the pages are commands that exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.__main__ import application
from local_cloud.cli import parser
from scripts.docs.markdown import anchor
from scripts.docs.pages import ROOT

APP = application()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MECHANISMS = sorted((ROOT / "docs" / "mechanisms").glob("*.md"))


def outside_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(path: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", outside_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {anchor(heading) for heading in found}


def commands(text: str) -> Iterator[list[str]]:
    """Every `baton ...` line of a page's shell blocks, as words."""
    for block in re.findall(r"^```sh[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
            lexer.whitespace_split = True
            current: list[str] = []
            for word in [*lexer, ";"]:
                if set(word) <= set("|&;>"):
                    if current[:1] == ["baton"]:
                        yield current[1:]
                    current = []
                else:
                    current.append(word)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", outside_code(page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, part = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        assert not part or part in headings(file), f"{file.name} has no heading '{part}'"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_page_is_one_that_the_command_line_takes(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        if words[:1] == ["cloud"]:
            parser().parse_args(words[1:])
        else:
            APP.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("folder", ["mechanisms", "decisions", "reference"])
def test_the_index_names_every_page(folder: str) -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in sorted((ROOT / "docs" / folder).glob("*.md")) if f"]({folder}/{p.name})" not in index] == []


@pytest.mark.parametrize("page", MECHANISMS, ids=lambda path: path.stem)
def test_a_mechanism_says_what_it_does_not_promise(page: Path) -> None:
    assert re.search(
        r"^## (What is not promised|What is different from AWS)$", page.read_text(encoding="utf-8"), re.MULTILINE
    )


def spoken() -> str:
    """Every text in the code; what a message fills in is left out."""
    texts = []
    for room in ("adapters", "baton", "flows", "lifecycle", "local_cloud"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append("\0".join(str(v.value) if isinstance(v, ast.Constant) else "" for v in node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return "\n".join(texts)


def test_the_messages_in_troubleshooting_are_those_that_the_code_says() -> None:
    page, code = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"), spoken()
    first_cells = "\n".join(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    messages = re.findall(r"`([^`]+)`", first_cells)
    fixed = [part.strip(" :{}$") for m in messages for part in re.split(r"\.\.\.|'|shop/dev|blueprint\.yaml|\d+", m)]
    assert len(messages) > 30
    assert [part for part in fixed if len(part) >= 6 and part not in code] == []
