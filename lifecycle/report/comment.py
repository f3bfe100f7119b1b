"""What a pipeline says under a pull request and in its job's summary: Markdown of one command, small enough for a comment."""

from collections.abc import Iterator, Sequence
from typing import Final

from lifecycle.report.junit import Case, Verdict
from lifecycle.report.preview.fields import Fields
from lifecycle.report.preview.markdown import preview_markdown
from lifecycle.report.preview.text import SHORT

LIMIT: Final = 65_536
"""What GitHub takes in one comment. It counts characters; counted here are bytes, which are never fewer."""
_CUT: Final = (
    "\n\n*This comment was cut: it would have been {size} bytes long, and {limit} fit. `baton plan` shows all of it.*\n"
)


def marker(environment: str) -> str:
    """The hidden first line by which the next job finds this comment and replaces it: one per environment."""
    return f"<!-- baton: {environment} -->"


def of_preview(fields: Fields, environment: str) -> Iterator[str]:
    """The preview, and how to approve it where it waits for that."""
    yield preview_markdown(fields).rstrip()
    if fields["approval"]["reasons"] and not fields["denied"]:
        yield f"To approve it: `baton approve {environment} {fields['digest'][:SHORT]} --reason WHY`"


def of_checks(known: Sequence[Case]) -> Iterator[str]:
    """A table of checks and of steps that failed."""
    if known:
        marks = {Verdict.PASSED: "✓", Verdict.FAILURE: "✗", Verdict.ERROR: "✗", Verdict.SKIPPED: "not looked at"}
        rows = [f"| {_cell(c.name)} | {marks[c.verdict]} | {_cell(_words(c))} |" for c in known]
        yield "\n".join(["| check | | |", "|---|---|---|", *rows])


def _words(case: Case) -> str:
    lines = case.message.strip().splitlines()
    return lines[0] if lines else ""


def of_urls(urls: Sequence[str]) -> Iterator[str]:
    """Where the environment answers."""
    if urls:
        yield "\n".join(f"- <{url}>" for url in urls)


def of_failure(message: str, hint: str) -> Iterator[str]:
    """What went wrong and what to do about it, as it was said."""
    yield "\n".join(["```", *_fenced(message), "```"])
    if hint:
        yield "\n".join(["```", *_fenced(hint), "```"])


def _fenced(text: str) -> list[str]:
    return [line.replace("```", "'''") for line in text.splitlines()]


def comment(mark: str, title: str, parts: Sequence[str], foot: str) -> str:
    """The whole, under the limit: what does not fit is cut at the end of a line, and the comment says so."""
    whole = "\n\n".join(filter(None, [mark, title, *parts, foot])) + "\n"
    size = len(whole.encode())
    if size <= LIMIT:
        return whole
    end = _CUT.format(size=f"{size:,}", limit=f"{LIMIT:,}") + (f"\n{foot}\n" if foot else "")
    body = "\n\n".join(filter(None, [mark, title, *parts]))
    closing = "\n```\n\n</details>"  # at most what is open where it is cut
    room = LIMIT - len((closing + end).encode())
    cut = body.encode()[:room].decode(errors="ignore").rpartition("\n")[0]
    return cut + _open(cut) + end


def _open(text: str) -> str:
    """What closes a fence and a fold that a cut has left open, so that the rest is not swallowed by them."""
    fenced = sum(line.startswith("```") for line in text.splitlines()) % 2
    folded = text.count("<details>") - text.count("</details>")
    return ("\n```" if fenced else "") + ("\n\n</details>" if folded > 0 else "")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
