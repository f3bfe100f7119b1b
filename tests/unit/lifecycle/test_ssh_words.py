"""Which host `baton ssh` enters, and with which command: `--` parts the two, and the host may be left out."""

import pytest

from baton.__main__ import application, words_of
from baton.verbs.ssh import parted


@pytest.mark.parametrize(
    ("line", "host", "command"),
    [
        ("ssh shop/dev", "", ()),
        ("ssh shop/dev web-1", "web-1", ()),
        ("ssh shop/dev web-1 uptime -p", "web-1", ("uptime", "-p")),
        ("ssh shop/dev web-1 -- uptime -p", "web-1", ("uptime", "-p")),
        ("ssh shop/dev -- uptime -p", "", ("uptime", "-p")),
        ("ssh shop/dev -- ls --help --env", "", ("ls", "--help", "--env")),
        ("ssh shop/dev --env two -- echo a -- b", "", ("echo", "a", "--", "b")),
    ],
)
def test_a_command_is_told_from_the_name_of_a_host(line: str, host: str, command: tuple[str, ...]) -> None:
    _, bound, _ = application().parse_args(words_of(line.split()), exit_on_error=False, print_error=False)
    assert parted(bound.arguments.get("host", ""), tuple(bound.arguments.get("command", ()))) == (host, command)
