"""How a dial failed, from what the kernel and ssh said."""

import errno

import pytest

from adapters.probe.dialer import (
    DialFailed,
    Filtered,
    NameUnknown,
    Refused,
    Unreachable,
    VantageLost,
    failure_of,
    target,
)
from adapters.probe.remote import Remote, last_words
from adapters.probe.through_host import ThroughHost
from lifecycle.inventory import Connection, Host


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("timed out"), Filtered),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), Filtered),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Refused),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Unreachable),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Unreachable),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), DialFailed),
        (OSError(errno.EMFILE, "Too many open files"), DialFailed),
    ],
)
def test_what_the_kernel_says_becomes_a_failure_of_its_kind(error: OSError, kind: type[DialFailed]) -> None:
    failure = failure_of(error, "web.test:80")
    assert type(failure) is kind
    assert "web.test:80" in failure.message


def test_only_what_the_network_said_counts_as_closed() -> None:
    kinds: list[type[DialFailed]] = [DialFailed, *DialFailed.__subclasses__()]
    closed = {kind for kind in kinds if kind.says_closed}
    assert closed == {Refused, Filtered, Unreachable}


LOGGED_IN = 'Authenticated to 127.0.0.1 ([127.0.0.1]:22) using "publickey".\r\ndebug1: pledge: fork\r\n'

# Recorded from OpenSSH 9.2 with LogLevel DEBUG2; the last ones are from its source (channels.c, serverloop.c).
SSH_SAID: list[tuple[str, type[DialFailed]]] = [
    ("channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n", Refused),
    ("channel 0: open failed: connect failed: Name or service not known\r\nstdio forwarding failed\r\n", NameUnknown),
    ("channel 0: open failed: connect failed: No route to host\r\nstdio forwarding failed\r\n", Unreachable),
    ("channel 0: open failed: connect failed: Network is unreachable\r\nstdio forwarding failed\r\n", Unreachable),
    ("channel 0: open failed: connect failed: Connection timed out\r\nstdio forwarding failed\r\n", Filtered),
    ("channel 0: open failed: administratively prohibited: open failed\r\nstdio forwarding failed\r\n", VantageLost),
    ("channel 0: open failed: connect failed: open failed\r\nstdio forwarding failed\r\n", DialFailed),
]


@pytest.fixture
def through_host() -> ThroughHost:
    class NoPaths:
        jump_known_hosts = ""

        def known_hosts(self, host: Host) -> str:
            raise AssertionError("nothing is dialled here")

        control_path = known_hosts

    return ThroughHost(Remote(NoPaths()), Host("web-1", "web", "i-1", Connection("10.0.0.1")))


@pytest.mark.parametrize(("said", "kind"), SSH_SAID)
def test_what_ssh_says_becomes_a_failure_of_its_kind(
    through_host: ThroughHost, said: str, kind: type[DialFailed]
) -> None:
    failure = through_host._failure(LOGGED_IN + said.replace("\r\n", "\n"), "db:3306")
    assert type(failure) is kind
    assert "web-1" in str(failure)


@pytest.mark.parametrize(("said", "kind"), SSH_SAID)
def test_without_a_login_it_is_the_way_to_the_host_that_failed(
    through_host: ThroughHost, said: str, kind: type[DialFailed]
) -> None:
    assert type(through_host._failure(said, "db:3306")) is VantageLost


def test_the_last_words_of_ssh_are_told_without_its_debugging() -> None:
    log = "debug1: Connecting\nroot@10.0.0.1: Permission denied (publickey).\r\ndebug1: bye\n"
    assert last_words(log) == "root@10.0.0.1: Permission denied (publickey)."


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert target("::1", 22) == "[::1]:22"
    assert target("web.test", 22) == "web.test:22"
