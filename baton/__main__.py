"""The command line: picks the verb, turns every error into a sentence and an exit code."""

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version as version_of

from cyclopts import App, CycloptsError, UnusedCliTokensError

from baton import console
from baton.cloud import cloud
from baton.verbs import (
    approve,
    audit,
    automations,
    backend,
    certificate,
    ci,
    down,
    history,
    hosts,
    lease,
    logs,
    outputs,
    plan,
    policy,
    prices,
    publish,
    reject,
    rollback,
    schedule,
    serve,
    server,
    show,
    ssh,
    status,
    stray,
    tick,
    trace,
    up,
    validate,
    version,
)
from lifecycle.errors import BatonError, ExitCode

app = App(
    name="baton",
    help="From a blueprint in git to a running, configured, verified environment, and back to nothing.",
    version=lambda: version_of("baton-lifecycle"),
    version_flags=["--version"],
    result_action="return_value",
)


class WrongCommand(BatonError):
    """The command line cannot be understood."""

    exit_code = ExitCode.USAGE


_VERBS: tuple[Callable[..., int], ...] = (  # in the order in which a person needs them
    validate.validate,
    plan.plan,
    show.show,
    approve.approve,
    reject.reject,
    up.up,
    down.down,
    rollback.rollback,
    tick.tick,
    status.status,
    hosts.hosts,
    outputs.outputs,
    ssh.ssh,
    logs.logs,
    trace.trace,
    history.history,
    certificate.certificate,
    stray.stray,
    publish.publish,
    serve.serve,
    version.version,
)
for place, verb in enumerate(_VERBS):
    app.command(verb, sort_key=place)
app.command(lease.app)
app.command(schedule.app)
app.command(audit.app)
app.command(backend.app)
app.command(prices.app)
app.command(policy.app)
app.command(server.app)
app.command(ci.app)
app.command(automations.app)
app.command(cloud)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Nothing but a fault of Baton's own ends in a traceback."""
    try:
        if arguments[:1] == ["cloud"]:  # a program of its own with a grammar of its own, `--` included
            return cloud(*arguments[1:])
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
