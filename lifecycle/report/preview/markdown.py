"""A preview as Markdown: for a comment under a pull request, and for the engine's own pages."""

from collections.abc import Iterator, Sequence
from typing import Final

from lifecycle.plan import Fidelity
from lifecycle.preview import HostWork
from lifecycle.report.preview.fields import Fields
from lifecycle.report.preview.text import NAMED, SHORT, preview_text, some
from lifecycle.report.words import counted

LIMIT: Final = 60_000
"""Characters; GitHub takes 65,536 in a comment."""


def preview_markdown(fields: Fields, picture: Sequence[str] = ()) -> str:
    """Headline, numbers, graph; everything in a fold. What would be too long for a comment is cut, and says so.

    `picture` is another graph to show than the one that is read off the fields.
    """
    head = "\n".join([*_head(fields), "", "```mermaid", *(picture or graph(fields)), "```"])
    whole = "\n".join(line.replace("```", "'''") for line in preview_text(fields))
    room = LIMIT - len(head) - 200
    if len(whole) > room:
        cut = whole[:room].rpartition("\n")[0]
        left = whole.count("\n") - cut.count("\n")
        whole = f"{cut}\n... {counted(left, 'line')} more: baton plan shows them all"
    return f"{head}\n\n<details><summary>everything</summary>\n\n```diff\n{whole}\n```\n\n</details>\n"


def _head(fields: Fields) -> Iterator[str]:
    state = "denied by its policy" if fields["denied"] else "changes" if fields["changed"] else "nothing to do"
    yield f"### {fields['environment']}: {state}"
    yield ""
    yield f"Preview `{fields['digest'][:SHORT]}`: {fields['approval']['words']}"
    yield ""
    yield "| stack | plan | sure |"
    yield "|---|---|---|"
    for name, stack in fields["stacks"].items():
        known = stack["fidelity"] != Fidelity.NONE
        yield f"| {name} | {stack['summary'] if known else stack['reason']} | {stack['fidelity'] if known else 'no'} |"
    if fields["configure"]:
        yield from ("", "| configure | hosts | to do |", "|---|---|---|")
        for step in fields["configure"]:
            busy = [h["name"] for h in step["hosts"] if h["work"] != HostWork.NOTHING]
            yield f"| {step['name']} | {len(step['hosts'])} | {', '.join(some(busy)) or 'nothing'} |"
    for what in ("destroys", "replaces"):
        if fields[what]:
            yield from ("", f"**{what} {counted(len(fields[what]), 'resource')}:** {_code(fields[what])}")
    if fields["policy"]["findings"]:
        yield from ("", "```", *fields["policy"]["text"], "```")
    if fields["cost"] and fields["cost"]["lines"]:
        yield from ("", "```", *fields["cost"]["text"], "```")


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in some(names))


def graph(fields: Fields) -> Iterator[str]:
    """Stacks and their hosts as a mermaid graph."""
    yield "graph LR"
    for number, (name, stack) in enumerate(fields["stacks"].items()):
        yield f'  s{number}["{name}: {_plain(stack["summary"] or "not known yet")}"]'
    for number, step in enumerate(fields["configure"]):
        yield f'  c{number}(["configure {step["name"]}"])'
        for at, host in enumerate(step["hosts"][:NAMED]):
            yield f'  c{number} --> h{number}_{at}["{_plain(host["name"])}: {host["work"]}"]'
        if (more := len(step["hosts"]) - NAMED) > 0:
            yield f'  c{number} --> h{number}_more["and {more} more"]'


def _plain(text: str) -> str:
    return text.replace('"', "'")
