"""A small disk of a test's own: a tmpfs in a mount namespace, which ends with the process that fills it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = '''
import os, sys
from pathlib import Path
disk = Path(sys.argv[1])

def fill(leave=0):
    """Fill the disk up; `leave` bytes stay free."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    if leave:
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - leave)

def free():
    (disk / "filler").unlink()
'''


def on_small_disk(program: str, disk: Path, size: str, **environment: str) -> str:
    """What a Python program prints that runs with `disk` on a tmpfs of this size; it has `disk`, `fill()` and `free()`."""
    disk.mkdir()
    mounted = f"mount -t tmpfs -o size={size} tmpfs {disk} && exec {sys.executable} - {disk}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted],
        input=PRELUDE + program,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
