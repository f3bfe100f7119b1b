"""The command line: picks the verb, turns every error into a sentence and an exit code."""

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version as version_of

from cyclopts import App, CycloptsError, UnusedCliTokensError

from baton import console
from baton.cloud import cloud
from lifecycle.errors import BatonError, ExitCode


class WrongCommand(BatonError):
    """The command line cannot be understood."""

    exit_code = ExitCode.USAGE


_VERBS = (  # in the order in which a person needs them
    *("validate", "plan", "show", "approve", "reject", "up", "down", "rollback", "tick"),
    *("status", "hosts", "outputs", "ssh", "logs", "trace", "history", "certificate"),
    *("stray", "publish", "serve", "version"),
)
_GROUPS = ("lease", "schedule", "audit", "backend", "prices", "policy", "server", "ci", "automations")


def application(*, lazy: bool = False) -> App:
    """The grammar of the command line. Lazy: a command line imports its own verb only, and nothing knows what the others do."""
    app = App(
        name="baton",
        help="From a blueprint in git to a running, configured, verified environment, and back to nothing.",
        version=lambda: version_of("baton-lifecycle"),
        version_flags=["--version"],
        result_action="return_value",
    )
    for place, verb in enumerate(_VERBS):
        if lazy:
            app.command(f"baton.verbs.{verb}:{verb}", name=verb, sort_key=place)
        else:
            app.command(getattr(import_module(f"baton.verbs.{verb}"), verb), sort_key=place)
    for group in _GROUPS:
        app.command(f"baton.verbs.{group}:app" if lazy else import_module(f"baton.verbs.{group}").app, name=group)
    app.command(cloud)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Nothing but a fault of Baton's own ends in a traceback."""
    try:
        if arguments[:1] == ["cloud"]:  # a program of its own with a grammar of its own, `--` included
            return cloud(*arguments[1:])
        app = application(lazy=bool(arguments) and arguments[0] not in ("--help", "-h"))
        return int(app(words_of(arguments), exit_on_error=False, print_error=False) or 0)
    except CycloptsError as error:
        command = " ".join(("baton", *(error.command_chain or ()), "--help"))
        console.complain(WrongCommand(_in_words(error), hint=f"see: {command}"), as_json="--json" in arguments)
        return int(ExitCode.USAGE)
    except BatonError as error:
        with suppress(BrokenPipeError):  # nobody listens: the exit code says it
            console.complain(error, as_json="--json" in arguments)
        return int(error.exit_code)
    except KeyboardInterrupt:
        console.err.print("interrupted")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # `baton hosts | head`
        sys.stderr.close()
        return int(ExitCode.OK)


def words_of(arguments: Sequence[str]) -> list[str]:
    """`ssh` hears of its `--`: it tells a command from the name of a host, which may be left out."""
    given = list(arguments)
    if given[:1] == ["ssh"] and "--" in given:
        given.insert(given.index("--"), "--")
    return given


def _in_words(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"the command does not know what to do with '{' '.join(map(str, error.unused_tokens or ()))}'"
    return str(error)


def main() -> None:
    """The console script."""
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is said: a late Ctrl-C ends it at once, without a traceback
    sys.exit(code)


if __name__ == "__main__":
    main()
