"""Dialling from here and through a broker, against sockets on loopback."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.probe.dialer import (
    Broker,
    DialFailed,
    Direct,
    Filtered,
    Link,
    NameUnknown,
    Refused,
    Unreachable,
    VantageLost,
)
from tests.support.servers import ADDRESS, closed_port, filtered_port, listener

Reply = Callable[[socket.socket, dict[str, Any]], None]


@contextmanager
def broker(path: Path, reply: Reply) -> Iterator[Broker]:
    """A broker that answers one question."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                reply(peer, json.loads(peer.recv(4096)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Broker(path)
        thread.join(10)


def say(peer: socket.socket, **answer: Any) -> None:
    peer.sendall(json.dumps(answer).encode() + b"\n")


def test_an_open_port_gives_a_connected_socket_with_its_timeout() -> None:
    with listener() as listening:
        port = listening.getsockname()[1]
        with Direct().dial(ADDRESS, port, 5) as link:
            assert link.socket.getpeername() == (ADDRESS, port)
            assert link.socket.gettimeout() is not None
    assert link.socket.fileno() == -1


def test_a_port_where_nobody_listens_refuses() -> None:
    with pytest.raises(Refused, match="refused"):
        Direct().dial(ADDRESS, closed_port(), 5)


def test_a_port_that_answers_nothing_is_filtered() -> None:
    with filtered_port() as port, pytest.raises(Filtered, match="did not answer in time"):
        Direct().dial(ADDRESS, port, 0.2)


def test_a_name_that_does_not_resolve_is_neither_refused_nor_filtered() -> None:
    with pytest.raises(NameUnknown, match=r"no-such-name\.invalid"):
        Direct().dial("no-such-name.invalid", 80, 5)


def test_a_text_that_can_be_no_name_is_an_unknown_name() -> None:
    with pytest.raises(NameUnknown):
        Direct().dial("a" * 70 + ".test", 80, 5)


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as listening:
        port = listening.getsockname()[1]
        here = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, p)) for a, p in [(ADDRESS, closed_port()), (ADDRESS, port)]
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
        with Direct().dial("two.test", port, 5) as link:
            assert link.socket.getpeername() == (ADDRESS, port)


def test_a_link_ends_what_belongs_to_it_once_it_is_closed() -> None:
    ended: list[bool] = []
    ours, theirs = socket.socketpair()
    with theirs, Link(ours, lambda: ended.append(ours.fileno() == -1)):
        assert ended == []
    assert ended == [True]


def test_a_shut_link_wakes_its_reader() -> None:
    ours, theirs = socket.socketpair()
    link, seen = Link(ours), list[bytes]()
    reader = threading.Thread(target=lambda: seen.append(link.socket.recv(1)), daemon=True)
    with theirs, link:
        reader.start()
        link.shut()
        reader.join(10)
        assert seen == [b""]


def test_a_broker_is_asked_for_place_host_port_and_time_and_gives_the_connection(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []
    ours, theirs = socket.socketpair()

    def reply(peer: socket.socket, question: dict[str, Any]) -> None:
        asked.append(question)
        socket.send_fds(peer, [b'{"ok": true}\n'], [theirs.fileno()])

    with broker(tmp_path / "b", reply) as outside, ours, outside.dial("web.test", 443, 3) as link:
        theirs.close()
        link.socket.sendall(b"hello")
        assert ours.recv(5) == b"hello"
        assert link.socket.gettimeout() == 3
    assert asked == [{"dial": "outside", "host": "web.test", "port": 443, "timeout": 3}]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("refused", Refused),
        ("timeout", Filtered),
        ("unreachable", Unreachable),
        ("name", NameUnknown),
        ("on fire", DialFailed),
    ],
)
def test_what_a_broker_says_becomes_a_failure_of_its_kind(tmp_path: Path, word: str, kind: type[DialFailed]) -> None:
    reply: Reply = lambda peer, _: say(peer, ok=False, error=word, message="so it was")  # noqa: E731
    with broker(tmp_path / "b", reply) as outside, pytest.raises(DialFailed, match=r"web\.test:443") as caught:
        outside.dial("web.test", 443, 3)
    assert type(caught.value) is kind
    assert ("so it was" in caught.value.message) is (kind not in (Refused, Filtered))  # those say it already


def test_a_broker_that_is_not_there_says_nothing_about_the_port(tmp_path: Path) -> None:
    with pytest.raises(VantageLost) as caught:
        Broker(tmp_path / "none").dial("web.test", 443, 1)
    assert "baton cloud up" in caught.value.hint


@pytest.mark.parametrize("said", [b"", b"not json\n", b"[1]\n"])
def test_a_broker_that_talks_nonsense_says_nothing_about_the_port(tmp_path: Path, said: bytes) -> None:
    reply: Reply = lambda peer, _: peer.sendall(said)  # noqa: E731
    with broker(tmp_path / "b", reply) as outside, pytest.raises(VantageLost):
        outside.dial("web.test", 443, 1)


def test_a_broker_that_says_yes_without_a_connection_is_not_believed(tmp_path: Path) -> None:
    with broker(tmp_path / "b", lambda peer, _: say(peer, ok=True)) as outside, pytest.raises(VantageLost):
        outside.dial("web.test", 443, 1)
