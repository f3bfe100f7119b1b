"""Baton's own directories are for their owner alone, all of them that it makes."""

import stat
from pathlib import Path

from adapters.settings import make_private


def test_every_folder_that_is_made_is_private_and_what_was_there_stays_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    make_private(there / "a" / "b")
    make_private(there / "a" / "b")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (there, there / "a", there / "a" / "b")}
    assert modes == {"there": 0o755, "a": 0o700, "b": 0o700}
