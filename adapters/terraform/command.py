"""Argument vectors for Terraform: pure, nothing is run here. One function per subcommand.

python-terraform turns options into arguments (`generate_cmd_string`); the rest of it (processes, state files, temporary
variable files readable by all, any attribute as a subcommand) is switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from python_terraform import IsFlagged, Terraform


class _Vectors(Terraform):  # type: ignore[misc]  # the library has no types
    """python-terraform with nothing left but its argument builder."""

    def __init__(self) -> None:
        super().__init__(terraform_bin_path="terraform")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"terraform has no method '{name}' here: only argument vectors are taken from python-terraform"
        )

    def read_state_file(self, file_path: str | None = None) -> None:
        """Not read: the state holds secrets and may be in the middle of being written."""

    def cmd(self, *_: Any, **__: Any) -> NoReturn:
        raise AttributeError("python-terraform runs nothing here: adapters.terraform.runner does")


_vectors = _Vectors()


def _vector(command: str, *arguments: str, **options: Any) -> list[str]:
    """Words after the binary: `command`, options with `_` for `-`, arguments. A mapping is refused: it would become a file."""
    if any(isinstance(value, dict) for value in options.values()):
        raise TypeError("a mapping would be written to a temporary file that everybody can read")
    words: list[str] = _vectors.generate_cmd_string(command, *arguments, **options)
    return words[1:]


def version() -> list[str]:
    return _vector("version", json=IsFlagged)


def init(*, reconfigure: bool, backend_config: Path | None = None) -> list[str]:
    """Exit 0 or 1, words on stderr. `reconfigure` forgets where the state was: only for a backend that is ours."""
    return _vector(
        "init",
        input=False,
        no_color=IsFlagged,
        reconfigure=IsFlagged if reconfigure else None,
        backend_config=str(backend_config) if backend_config else None,
    )


def validate() -> list[str]:
    """Exit 0 valid, 1 not; one JSON object either way."""
    return _vector("validate", json=IsFlagged)


def plan(
    out: Path,
    *,
    variables: Sequence[Path] = (),
    destroy: bool = False,
    lock_timeout: timedelta = timedelta(0),
    parallelism: int | None = None,
) -> list[str]:
    """Exit 0 nothing to do, 1 error, 2 something to do; JSON lines on stdout."""
    return _vector(
        "plan",
        input=False,
        json=IsFlagged,
        detailed_exitcode=IsFlagged,
        destroy=IsFlagged if destroy else None,
        out=str(out),
        var_file=[str(file) for file in variables],
        lock_timeout=_seconds(lock_timeout),
        parallelism=parallelism,
    )


def show(plan: Path) -> list[str]:
    """One JSON document on stdout, secrets in clear."""
    return _vector("show", str(plan), json=IsFlagged)


def show_state() -> list[str]:
    """One JSON document on stdout, secrets in clear: what is in the state, by address. Without a state there is no `values`."""
    return _vector("show", json=IsFlagged)


def apply(plan: Path, *, lock_timeout: timedelta = timedelta(0), parallelism: int | None = None) -> list[str]:
    """Exit 0 or 1 (a cancelled one too); JSON lines on stdout. A saved plan is applied without a question."""
    return _vector(
        "apply",
        str(plan),
        input=False,
        json=IsFlagged,
        lock_timeout=_seconds(lock_timeout),
        parallelism=parallelism,
    )


def adopt(
    address: str, id: str, *, variables: Sequence[Path] = (), lock_timeout: timedelta = timedelta(0)
) -> list[str]:
    """`import`: exit 0 or 1, words on stderr."""
    return _vector(
        "import",
        address,
        id,
        input=False,
        no_color=IsFlagged,
        var_file=[str(file) for file in variables],
        lock_timeout=_seconds(lock_timeout),
    )


def keep(address: str, *, lock_timeout: timedelta = timedelta(0)) -> list[str]:
    """`untaint`: exit 0 or 1, words on stderr; what is not tainted is an error."""
    return _vector("untaint", address, no_color=IsFlagged, lock_timeout=_seconds(lock_timeout))


def ask_for_lock() -> list[str]:
    """`untaint` of nothing: exit 1 either way, and while somebody holds the state's lock the words on stderr say who."""
    return keep("terraform_data.baton_asks_who_holds_the_lock")


def release_lock(id: str) -> list[str]:
    """`force-unlock`: exit 0, or 1 where the lock has another id, or there is none."""
    return _vector("force-unlock", id, force=IsFlagged)


def push_state(state: Path, *, force: bool = False) -> list[str]:
    """`state push`: exit 0 or 1. An older serial or another lineage than what lies there is refused, unless forced."""
    return _vector("state push", str(state), force=IsFlagged if force else None)


def pull_state() -> list[str]:
    """`state pull`: the state as one JSON object on stdout, secrets in clear; nothing where there is none."""
    return _vector("state pull")


def output() -> list[str]:
    """One JSON object on stdout, secrets in clear; empty where there is no state."""
    return _vector("output", json=IsFlagged)


def state_list() -> list[str]:
    """One address per line; exit 1 with "No state file was found" where there is none."""
    return _vector("state list")


def _seconds(time: timedelta) -> str:
    return f"{int(time.total_seconds())}s"
