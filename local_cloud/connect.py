"""An ssh ProxyCommand for `ProxyUseFdpass=yes`: asks the broker for a connection and hands its descriptor to ssh.

    python -I -S connect.py BROKER_SOCK INSTANCE_ID PORT          to an instance, wherever it is
    python -I -S connect.py BROKER_SOCK operator ADDRESS PORT     to a public address, as an operator

Standard library only, and few modules of it: it runs before every SSH connection. ssh then speaks to the host directly;
no process stays between them.
"""

from __future__ import annotations

import json
import os
import socket
import sys

TYPE_CHECKING = False  # importing typing would cost more than everything else here
if TYPE_CHECKING:
    from typing import Any


def address(path: str) -> tuple[str, int | None]:
    """A name for a unix socket whose path may be longer than the kernel's 107 characters: (name, descriptor or None)."""
    if len(os.fsencode(path)) < 108:
        return path, None
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{folder}/{os.path.basename(path)}", folder


def ask(broker: str, request: dict[str, object]) -> tuple[dict[str, Any], int | None]:
    """The broker's answer (a dict) and the descriptor that came with it, or None."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        name, folder = address(broker)
        try:
            client.connect(name)
        finally:
            if folder is not None:
                os.close(folder)
        client.sendall(json.dumps(request).encode() + b"\n")
        data = b""
        descriptors: list[int] = []
        while not data.endswith(b"\n"):
            part, received, _, _ = socket.recv_fds(client, 1 << 16, 1)
            descriptors += received
            if not part:
                break
            data += part
    answer = json.loads(data) if data else {"ok": False, "error": "unreachable", "message": "the broker hung up"}
    return answer, descriptors[0] if descriptors else None


def main(arguments: list[str]) -> int:
    request: dict[str, object]
    match arguments:
        case [broker, target, port] if port.isdigit():
            request = {"dial": "instance", "id": target, "port": int(port)}
        case [broker, "operator", target, port] if port.isdigit():
            request = {"dial": "operator", "host": target, "port": int(port)}
        case _:
            print("usage: connect.py BROKER_SOCK INSTANCE_ID PORT | operator ADDRESS PORT", file=sys.stderr)
            return 64
    try:
        answer, descriptor = ask(broker, request)
    except OSError as error:
        print(
            f"the local cloud does not answer at {broker}: {error.strerror}; start it with: baton cloud up",
            file=sys.stderr,
        )
        return 1
    if descriptor is None:
        print(f"{target}:{port}: {answer.get('message', answer.get('error'))}", file=sys.stderr)
        return 1
    with socket.socket(fileno=1) as ssh:  # ssh gives us its end of a socket pair as standard output
        socket.send_fds(ssh, [b"\0"], [descriptor])
        ssh.detach()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
