"""Prefect's own command line, `python -P -m flows.server server start ...`, whose writes to SQLite wait for one another.

Prefect begins a transaction that will write as one that reads. SQLite refuses its first write at once where anybody else has
written meanwhile (SQLITE_BUSY_SNAPSHOT: there is nothing to wait for), and Prefect answers 503. A client that asks again, up to five
times, may be refused five times: with twenty runs at once some were lost. A transaction that begins as a write waits its turn.
"""

import functools
import runpy
import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.server.database.configurations import AioSqliteConfiguration


def main() -> None:
    """Run Prefect's command line."""
    AioSqliteConfiguration.begin_transaction = _waiting(AioSqliteConfiguration.begin_transaction)  # type: ignore[method-assign]
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _waiting(begin: Any) -> Any:
    @functools.wraps(begin)
    def begin_transaction(self: Any, session: Any, **_: Any) -> AbstractAsyncContextManager[Any]:
        return begin(self, session, with_for_update=True)  # type: ignore[no-any-return]

    return begin_transaction


if __name__ == "__main__":
    main()
