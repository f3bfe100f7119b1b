"""Databases: PostgreSQL where it is installed, MariaDB where it is, and MySQL's protocol everywhere."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.probe import NetworkProber
from adapters.probe.dialer import Dialer, Direct, Link
from adapters.probe.remote import Remote
from adapters.ssh.directory import open_session
from lifecycle.inventory import Host
from lifecycle.ports import Run
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import Sensitive
from lifecycle.verification import Check, CheckResult, Thresholds
from tests.support import mysql_wire, postgresql
from tests.support.servers import ADDRESS, Answer, closed_port, http_server, listener
from tests.support.sshd import Sshd

ONCE = Thresholds(failure_threshold=1, timeout=timedelta(seconds=20))
PASSWORD = "c0rrect horse'"
WRONG = "wr0ng-battery-staple"


class NoSsh:
    jump_known_hosts = ""

    def known_hosts(self, host: Host) -> str:
        raise AssertionError("no ssh in these tests")

    control_path = known_hosts


@dataclass(frozen=True)
class UnixSocket:
    """A place from which there is one server, whatever is dialled: its unix socket."""

    path: Path

    def dial(self, address: str, port: int, timeout: float) -> Link:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(timeout)
        connected.connect(str(self.path))
        return Link(connected)


def look(spec: Mapping[str, Any], dialer: Dialer | None = None, thresholds: Thresholds = ONCE) -> CheckResult:
    places = {"controller": dialer or Direct()}
    prober = NetworkProber(places=places, remote=Remote(NoSsh()), clock=SystemClock(), masking=Scrubber().masking)
    return prober.probe(Check("db", "sql", spec, thresholds=thresholds), Run())


# --- PostgreSQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[Path]:
    """A server's socket. The user `app` needs its password, everybody else none."""
    try:
        with postgresql.server() as home:
            sql = f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'; CREATE DATABASE app OWNER app"
            for statement in sql.split("; "):
                psql(home, statement)
            access = home / "data" / "pg_hba.conf"
            access.write_text("local all app scram-sha-256\nlocal all all trust\n")
            psql(home, "SELECT pg_reload_conf()")
            yield home / ".s.PGSQL.5432"
    except postgresql.Unavailable as reason:
        pytest.skip(str(reason))


def psql(home: Path, statement: str) -> None:
    argv = [
        str(postgresql.binaries() / "psql"),
        "-qX",
        "-h",
        str(home),
        "-U",
        postgresql.USER,
        "-d",
        "postgres",
        "-c",
        statement,
    ]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def postgres_spec(**more: Any) -> dict[str, Any]:
    spec = {
        "engine": "postgresql",
        "host": "db.test",
        "user": "app",
        "password": Sensitive(PASSWORD),
        "database": "app",
    }
    return {**spec, "query": "SELECT 1", **more}


@pytest.mark.parametrize(
    ("query", "equals"),
    [
        ("SELECT 1", 1),
        ("SELECT 42::numeric", 42),
        ("SELECT true", True),
        ("SELECT 'a b'", "a b"),
        ("SELECT NULL", None),
        ("SELECT 1, 'x', 2.5::numeric", [1, "x", 2.5]),
        ("SELECT date '2026-01-02'", "2026-01-02"),
        ("SELECT current_user", "app"),
        ("SELECT current_database()", "app"),
    ],
)
def test_postgresql_answers_what_is_wanted(postgres: Path, query: str, equals: Any) -> None:
    result = look(postgres_spec(query=query, equals=equals), UnixSocket(postgres))
    assert result.passed, result.summary


def test_postgresql_without_a_wanted_answer_must_only_answer(postgres: Path) -> None:
    assert look(postgres_spec(), UnixSocket(postgres)).passed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"equals": 2}, "the answer is 1, wanted 2"),
        ({"query": "SELECT 1 WHERE false", "equals": 1}, "the query gave no rows, wanted 1"),
        ({"query": "SELECT * FROM nowhere"}, 'relation "nowhere" does not exist'),
        ({"password": Sensitive(WRONG)}, 'password authentication failed for user "app"'),
        ({"user": "nobody-of-that-name"}, "does not exist"),
        ({"database": "none"}, "does not exist"),
    ],
)
def test_postgresql_says_what_is_wrong_without_the_password(postgres: Path, more: dict[str, Any], said: str) -> None:
    result = look(postgres_spec(**more), UnixSocket(postgres))
    assert not result.passed
    assert said in result.summary
    assert WRONG not in str(result)
    assert PASSWORD not in str(result)


def test_postgresql_is_asked_from_a_host(postgres: Path, tmp_path: Path) -> None:
    sshd = Sshd(tmp_path / "sshd")
    sshd.start()
    try:
        with relay(postgres) as port, open_session() as session:
            host = sshd.host(host_key=sshd.host_keys[0])
            prober = NetworkProber(places={}, remote=Remote(session), clock=SystemClock(), masking=Scrubber().masking)
            spec = postgres_spec(host=ADDRESS, port=port, equals=1)
            result = prober.probe(Check("db", "sql", spec, "hosts", (host,), ONCE), Run())
    finally:
        sshd.stop()
    assert result.passed, result.summary
    assert result.evidence[0].origin == "web-1"


@contextmanager
def relay(path: Path) -> Iterator[int]:
    """A TCP port before a unix socket, for connections one after the other."""
    with listener() as listening:

        def pump(source: socket.socket, sink: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer, socket.socket(socket.AF_UNIX) as server:
                    server.connect(str(path))
                    back = threading.Thread(target=pump, args=(server, peer), daemon=True)
                    back.start()
                    pump(peer, server)
                    back.join(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


# --- MySQL


def mysql_spec(port: int, **more: Any) -> dict[str, Any]:
    spec = {"engine": "mysql", "host": ADDRESS, "port": port, "user": "app", "password": Sensitive(PASSWORD)}
    return {**spec, "query": "SELECT 1", **more}


def test_mysql_answers_what_is_wanted() -> None:
    with mysql_wire.server("app", PASSWORD, ("1", None, "x")) as port:
        assert look(mysql_spec(port)).passed
        assert look(mysql_spec(port, equals="1")).passed
        assert look(mysql_spec(port, equals=["1", None, "x"])).passed
        assert not look(mysql_spec(port, equals="2")).passed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"password": Sensitive(WRONG)}, "Access denied for user 'app'@'127.0.0.1' (using password: YES)"),
        ({"query": "SELECT * FROM nowhere"}, "Table 'app.nowhere' doesn't exist"),
    ],
)
def test_mysql_says_what_is_wrong_without_the_password(more: dict[str, Any], said: str) -> None:
    with mysql_wire.server("app", PASSWORD, ("1",)) as port:
        result = look(mysql_spec(port, **more))
    assert said in result.summary
    assert WRONG not in str(result)
    assert PASSWORD not in str(result)


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_a_port_that_is_no_database_fails_in_words(engine: str) -> None:
    with http_server(lambda path: Answer()) as server:
        quick = Thresholds(failure_threshold=1, timeout=timedelta(seconds=2))
        spec = {"engine": engine, "host": ADDRESS, "port": server.port, "user": "app", "query": "SELECT 1"}
        result = look(spec, thresholds=quick)
    assert not result.passed
    assert result.summary


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_a_database_that_is_silent_ends_at_the_timeout(engine: str) -> None:
    with listener() as listening:
        quick = Thresholds(failure_threshold=1, timeout=timedelta(milliseconds=300))
        port = listening.getsockname()[1]
        spec = {"engine": engine, "host": ADDRESS, "port": port, "user": "app", "query": "SELECT 1"}
        result = look(spec, thresholds=quick)
    assert "no complete answer within 300 ms" in result.summary


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_a_database_that_hangs_up_fails_in_words(engine: str) -> None:
    with listener() as listening:

        def hang_up() -> None:
            peer, _ = listening.accept()
            peer.close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = listening.getsockname()[1]
        result = look({"engine": engine, "host": ADDRESS, "port": port, "user": "app", "query": "SELECT 1"})
    assert not result.passed
    assert result.summary


def test_a_database_that_is_not_there_is_refused() -> None:
    result = look(mysql_spec(closed_port()))
    assert result.facts["controller"] == {"connection": "refused"}


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real MariaDB with a user `app`."""
    programs = [
        shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin") for name in ("mariadbd", "mariadb-install-db")
    ]
    if not all(programs):
        pytest.skip("no MariaDB server is installed (Debian: apt-get install mariadb-server)")
    home = tmp_path_factory.mktemp("mariadb")
    with run_mariadb(str(programs[0]), str(programs[1]), home) as port:
        yield port


@contextmanager
def run_mariadb(server: str, install: str, home: Path) -> Iterator[int]:
    data, port = home / "data", closed_port()
    statement = f"CREATE USER app@'127.0.0.1' IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}';\n"
    (home / "init.sql").write_text(statement)
    common = ["--no-defaults", f"--datadir={data}", "--user=root"]
    subprocess.run([install, *common, "--skip-test-db"], check=True, capture_output=True, timeout=120)
    options = [f"--port={port}", f"--bind-address={ADDRESS}", f"--socket={home}/s", "--skip-name-resolve"]
    with (home / "log").open("wb") as log:
        argv = [server, *common, *options, f"--init-file={home}/init.sql", f"--pid-file={home}/pid"]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not look(mysql_spec(port)).passed:
            assert process.poll() is None, (home / "log").read_text()[-2000:]
            assert time.monotonic() < until, (home / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize(
    ("query", "equals"),
    [("SELECT 1", 1), ("SELECT 1.50", 1.5), ("SELECT true", True), ("SELECT 1, 'x', NULL", [1, "x", None])],
)
def test_mariadb_answers_what_is_wanted(mariadb: int, query: str, equals: Any) -> None:
    result = look(mysql_spec(mariadb, query=query, equals=equals))
    assert result.passed, result.summary


def test_mariadb_says_what_is_wrong_without_the_password(mariadb: int) -> None:
    result = look(mysql_spec(mariadb, password=Sensitive(WRONG)))
    assert "Access denied for user 'app'" in result.summary
    assert WRONG not in str(result)
