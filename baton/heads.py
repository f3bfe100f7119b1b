"""The ledger's head at the end of a run: who keeps it elsewhere can show later that nothing was changed or cut off."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from adapters import settings as settings_of
from baton import console
from lifecycle.audit import head_text
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode


def head_of(ref: EnvironmentRef) -> tuple[int, str] | None:
    """The head (seq, hash) of an environment's chain, None where it has none."""
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        return store.heads().get(str(ref))


def head_fields(ref: EnvironmentRef) -> dict[str, Any] | None:
    """The same for a program."""
    head = head_of(ref)
    return {"seq": head[0], "hash": head[1]} if head else None


def tell_head(ref: EnvironmentRef) -> None:
    """The same for a person, on stderr: as `baton audit verify --head` takes it."""
    if head := head_of(ref):
        console.tell(f"ledger {head_text(str(ref), head)}")


@contextmanager
def head_of_failures(ref: EnvironmentRef, *, as_json: bool) -> Iterator[None]:
    """Tells the head of a run that ends in an error too; for a program it is a fact of the error."""
    try:
        yield
    except BatonError as error:
        if error.exit_code not in (ExitCode.LOCKED, ExitCode.USAGE):  # else nothing was done
            with suppress(BatonError):  # what made the run fail is what must be said
                if as_json:
                    error.add_facts(ledger=head_fields(ref))
                else:
                    tell_head(ref)
        raise
