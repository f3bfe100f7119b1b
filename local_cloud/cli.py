"""The command line of the local cloud. Exit codes: 0 ok, 1 failed, 64 usage."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from local_cloud import client, control, forward, image
from local_cloud.errors import CloudError
from local_cloud.home import Home

OK, FAILED, USAGE = 0, 1, 64


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The grammar; the verbs are also what the documentation lists."""
    top = _Parser(
        prog="baton cloud", description="A local cloud: an AWS-compatible API with a real host behind every instance."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, run: Callable[[Home, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        return one

    up = verb("up", _up, "start the cloud if it does not run, and say where it is")
    up.add_argument("--port", type=int, default=0, help="the API's port on 127.0.0.1 (default: a free one)")
    up.add_argument("--foreground", action="store_true", help="stay in the foreground, with the log on standard error")
    verb("down", _down, "end the cloud with everything in it, and check that nothing is left")
    status = verb("status", _status, "say whether the cloud runs")
    listing = verb("ls", _ls, "list the instances")
    for one in (status, listing):
        one.add_argument("--json", action="store_true", help="one JSON object per line")
    ssh = verb("ssh", _ssh, "log in to an instance as admin, its host key pinned")
    ssh.add_argument("name", help="name tag, instance id or private address")
    ssh.add_argument("-i", dest="key", help="the private key (default: what ssh finds)")
    ssh.add_argument("command", nargs=argparse.REMAINDER, help="a command instead of a shell")
    enter = verb("exec", _exec, "run a command as root on an instance, without SSH")
    enter.add_argument("name", help="name tag, instance id or private address")
    enter.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")
    logs = verb("logs", _logs, "show an instance's console and what its user data printed")
    kill = verb("kill", _kill, "cut an instance's power: the API shows it stopped")
    for one in (logs, kill):
        one.add_argument("name", help="name tag, instance id or private address")
    leading = verb("forward", _forward, "lead a port of this machine to an address in the cloud, as from outside")
    leading.add_argument("target", metavar="ADDRESS:PORT", help="where it leads, such as 198.18.0.11:443")
    leading.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: a free one)")
    verb("image", _image, "build the base image if the cache has none")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; errors are one line on standard error with what to do next."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return int(arguments.run(Home.default(), arguments))
    except CloudError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _up(home: Home, arguments: argparse.Namespace) -> int:
    if arguments.foreground:
        return control.foreground(home, arguments.port, say)
    description = control.up(home, arguments.port, say)
    print(f"the local cloud is up: {description.endpoint_url} (region {description.region}, {home.description})")
    return OK


def _down(home: Home, _: argparse.Namespace) -> int:
    report = control.down(home, say)
    print("the local cloud is down: " + ", ".join(f"no {thing}" for thing in report) + " left")
    return OK


def _status(home: Home, arguments: argparse.Namespace) -> int:
    description = control.running(home)
    if arguments.json:
        value = {"type": "cloud", "running": description is not None}
        if description:
            value |= {"endpoint_url": description.endpoint_url, "region": description.region, "pid": description.pid}
        print(json.dumps(value))
    elif description:
        count = len(client.instances(home))
        print(f"running since {description.started_at} at {description.endpoint_url} with {count} instances")
    else:
        print("not running" + (f"; {lost}" if (lost := control.lost_region(home)) else ""))
    return OK if description else FAILED


def _ls(home: Home, arguments: argparse.Namespace) -> int:
    rows = client.instances(home)
    if arguments.json:
        for row in rows:
            print(json.dumps({"type": "instance", **row}))
        return OK
    columns = ("id", "name", "environment", "private_ip", "public_ip", "state")
    table = [
        [column.replace("_", " ").upper() for column in columns],
        *([str(row[c] or "-") for c in columns] for row in rows),
    ]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return OK


def _ssh(home: Home, arguments: argparse.Namespace) -> int:
    words, key = _command(arguments), arguments.key
    if words[:1] == ["-i"] and len(words) > 1:  # `ssh NAME -i KEY` is how many people write it
        key, words = words[1], words[2:]
    return client.ssh(home, client.find(home, arguments.name), key, words)


def _exec(home: Home, arguments: argparse.Namespace) -> int:
    command = _command(arguments)
    if not command:
        print("baton cloud exec: say the command too: exec NAME -- CMD", file=sys.stderr)
        return USAGE
    return client.execute(home, client.find(home, arguments.name), command)


def _command(arguments: argparse.Namespace) -> list[str]:
    """The words of a remote command; a -- before them may be there or not."""
    words = list(arguments.command)
    return words[1:] if words[:1] == ["--"] else words


def _logs(home: Home, arguments: argparse.Namespace) -> int:
    answer = client.logs(home, client.find(home, arguments.name)["id"])
    _section("console", answer["console"])
    _section("user data", answer["user_data"])
    return OK


def _section(title: str, text: str) -> None:
    print(f"== {title}")
    print(text.rstrip("\n") or "(nothing)")


def _kill(home: Home, arguments: argparse.Namespace) -> int:
    row: dict[str, Any] = client.find(home, arguments.name)
    client.kill(home, row["id"])
    print(f"{row['id']} has lost its power")
    return OK


def _forward(home: Home, arguments: argparse.Namespace) -> int:
    address, port = forward.parse(arguments.target)
    client.instances(home)  # says it when there is no cloud to lead into
    with forward.listen(arguments.port) as listener:
        print(
            f"{forward.LOOPBACK}:{listener.getsockname()[1]} leads to {arguments.target}; end it with Ctrl-C",
            flush=True,
        )
        forward.serve(listener, lambda: client.visit(home, address, port), say)
    return OK


def _image(home: Home, _: argparse.Namespace) -> int:
    home.make()
    image.check_tools()
    print(image.ensure(home.cache, say).tarball)
    return OK
