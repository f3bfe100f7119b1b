"""Writes the generated pages; with --check it writes nothing and ends with 1 where one is stale."""

import sys

from scripts.docs.pages import ROOT, stale, write


def main(words: list[str]) -> int:
    """`make docs`."""
    if words not in ([], ["--check"]):
        print("usage: python -m scripts.docs [--check]", file=sys.stderr)
        return 64
    old = stale()
    for path in old:
        print(f"{'stale' if words else 'written'}: {path.relative_to(ROOT)}")
    if not words:
        write()
    return 1 if words and old else 0


sys.exit(main(sys.argv[1:]))
