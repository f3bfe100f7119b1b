"""The shop from outside, as curl and nc would look at it: `outside.py DIRECTORY`.

The local cloud's network is no network of this machine, so a connection is asked for at its broker.
"""

import json
import os
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_cloud.connect import ask

FORTNIGHT = 14 * 24 * 3600


def dial(address: str, port: int, timeout: float) -> socket.socket | None:
    """A connection from outside; None where nothing answers."""
    question = {"dial": "outside", "host": address, "port": port, "timeout": timeout}
    _, descriptor = ask(os.environ["BROKER"], question)
    return None if descriptor is None else socket.socket(fileno=descriptor)


def get(address: str, path: str, trusted: Path) -> str:
    """The answer over HTTPS, its certificate checked and good for a fortnight."""
    context = ssl.create_default_context(cafile=str(trusted))
    connection = dial(address, 443, 10)
    assert connection is not None, "443 does not answer"
    connection.settimeout(10)
    with context.wrap_socket(connection, server_hostname="shop.example.com") as tls:
        ends = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
        assert ends - Path(trusted).stat().st_mtime > FORTNIGHT, "the certificate ends soon"
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: tls.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 200"), answer[:200]
    return answer


def closed(address: str, port: int) -> None:
    connection = dial(address, port, 1)
    assert connection is None, f"{address}:{port} is open"


def main(work: Path) -> None:
    known = json.loads((work / "vars.json").read_text())
    front, jump, database = known["address"], known["jump_address"], known["shop_db_host"]

    def page() -> None:
        assert "Metronome" in get(front, "/", work / "tls.crt"), "the products are missing"

    def health() -> None:
        state = json.loads(get(front, "/health", work / "tls.crt").partition("\r\n\r\n")[2])
        assert (state["status"], state["database"]["series"]) == ("ok", "10.11"), state

    looks: list[Callable[[], None]] = [page, health]
    shut = [(jump, 22), (front, 22), (front, 80), (front, 3306), (database, 3306)]
    with ThreadPoolExecutor() as pool:
        started = [pool.submit(look) for look in looks] + [pool.submit(closed, *place) for place in shut]
        for one in started:
            one.result(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
