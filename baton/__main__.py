"""The command line: picks the verb, turns every error into a sentence and an exit code."""

import sys
from collections.abc import Sequence
from contextlib import suppress

from cyclopts import App, CycloptsError

from baton import console
from baton.cloud import cloud
from baton.verbs import down, history, hosts, logs, outputs, plan, server, ssh, status, trace, up, validate, version
from lifecycle.errors import BatonError, ExitCode

app = App(
    name="baton",
    help="From a blueprint in git to a running, configured, verified environment, and back to nothing.",
    version_flags=[],
    result_action="return_value",
)
for verb in (
    validate.validate,
    plan.plan,
    up.up,
    down.down,
    status.status,
    hosts.hosts,
    outputs.outputs,
    ssh.ssh,
    logs.logs,
    trace.trace,
    history.history,
    version.version,
):
    app.command(verb)
app.command(server.app)
app.command(cloud)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Nothing but a fault of Baton's own ends in a traceback."""
    try:
        if arguments[:1] == ["cloud"]:  # a program of its own with a grammar of its own, `--` included
            return cloud(*arguments[1:])
        return int(app(list(arguments), exit_on_error=False, print_error=False) or 0)
    except CycloptsError as error:
        console.complain(
            BatonError(str(error), hint=f"see: baton {' '.join(error.command_chain or ())} --help".strip())
        )
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


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
