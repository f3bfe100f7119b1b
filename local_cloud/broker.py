"""The broker: opens TCP connections inside the cloud's networks and hands them out through a unix socket.

One JSON line in, one JSON line out, with the connected socket's descriptor beside it (SCM_RIGHTS):

    {"dial": "instance", "id": "i-…", "port": 22}                      from the VPC router, as an instance-connect endpoint
    {"dial": "outside", "host": "198.18.0.5", "port": 443}             from somewhere else on the internet
    {"dial": "operator", "host": "198.18.0.5", "port": 22}             from where its operators sit (`operator_cidr`)
        all with an optional "timeout" in seconds (default 10)
    {"do": "list"} · {"do": "logs", "id": …} · {"do": "kill", "id": …} · {"do": "enter", "id": …}   for the command line
    → {"ok": true, …} or {"ok": false, "error": "refused|timeout|unreachable|no such instance|bad request", "message": …}

The socket's folder is 0700: whoever may open it may use the cloud.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from local_cloud.linux import in_network
from local_cloud.region import Region

log = logging.getLogger(__name__)

_DEFAULT_TIMEOUT = 10.0
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN}
Answer = tuple[dict[str, Any], int | None]


class Broker:
    """Answers from the region; `instances` gives the rows of `ls`."""

    def __init__(self, region: Region, instances: Callable[[], list[dict[str, Any]]]) -> None:
        self._region = region
        self._instances = instances

    def serve(self, listener: socket.socket) -> None:
        """Answers every client in a thread of its own, until the process ends."""
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            try:
                client.settimeout(30)
                with client.makefile("rb") as lines:
                    request = json.loads(lines.readline(1 << 16))
                answer, descriptor = self._answer(request)
            except (ValueError, KeyError, TypeError) as error:
                answer, descriptor = _no("bad request", f"{type(error).__name__}: {error}")
            except Exception as error:
                log.exception("broker")
                answer, descriptor = _no("failed", str(error))
            try:
                socket.send_fds(
                    client, [json.dumps(answer).encode() + b"\n"], [] if descriptor is None else [descriptor]
                )
            except OSError:
                log.info("a client of the broker left before its answer")
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    def _answer(self, request: dict[str, Any]) -> Answer:
        match request:
            case {"dial": "instance", "id": str(id), "port": int(port)}:
                try:
                    network, address = self._region.dial_network(id)
                except LookupError:
                    return self._absent(id)
                return dial(network, address, port, float(request.get("timeout", _DEFAULT_TIMEOUT)))
            case {"dial": "outside" | "operator" as place, "host": str(host), "port": int(port)}:
                timeout = float(request.get("timeout", _DEFAULT_TIMEOUT))
                internet = self._region.networks.internet
                return dial(internet.outside if place == "outside" else internet.operator, host, port, timeout)
            case {"do": "list"}:
                return {"ok": True, "instances": self._instances()}, None
            case {"do": "logs", "id": str(id)}:
                hosts = self._region.hosts
                return {"ok": True, "console": hosts.console(id), "user_data": hosts.user_data_log(id)}, None
            case {"do": "kill", "id": str(id)}:
                if self._region.hosts.get(id) is None:
                    return self._absent(id)
                self._region.hosts.kill(id, expected=False)
                return {"ok": True}, None
            case {"do": "enter", "id": str(id)}:
                found = self._region.hosts.get(id)
                return ({"ok": True}, os.pidfd_open(found.pid)) if found else self._absent(id)
            case _:
                return _no("bad request", "neither a dial nor a do that the broker knows")

    def _absent(self, id: str) -> Answer:
        states = [row["state"] for row in self._instances() if row["id"] == id]
        if states:  # stopped, or between two lives
            return _no("unreachable", f"the instance {id} is {states[0]} and has no host that runs now")
        return _no("no such instance", f"there is no instance {id} in this cloud")


def dial(network: int, host: str, port: int, timeout: float) -> Answer:
    """A connected socket out of `network`, as a descriptor that the caller closes."""

    def connect() -> socket.socket:
        return socket.create_connection((host, port), timeout)

    try:
        connection = in_network(network, connect)
    except TimeoutError:
        return _no(
            "timeout",
            f"no answer from {host}:{port} within {timeout:g} s (a security group drops, or the host is down)",
        )
    except ConnectionRefusedError:
        return _no("refused", f"{host}:{port} refused the connection (nothing listens there)")
    except socket.gaierror as error:  # a mistyped name is not a closed port
        return _no("name", f"{host} does not resolve: {error.strerror}")
    except OSError as error:
        kind = "unreachable" if error.errno in _UNREACHABLE else "failed"
        return _no(kind, f"{host}:{port}: {error.strerror or error}")
    connection.settimeout(None)
    return {"ok": True}, connection.detach()


def _no(error: str, message: str) -> Answer:
    return {"ok": False, "error": error, "message": message}, None
