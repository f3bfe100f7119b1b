"""How OpenSSH is asked to reach a host: options and argument vectors, as pure functions.

Shared by everything that speaks SSH (readiness ladder, Ansible, probes). Host keys are always checked, against a file that
holds nothing but what Baton trusts; lines in it are keyed by the host's id (HostKeyAlias), so that an address that is used
again never meets another host's key. Options: ssh_config(5) of OpenSSH 8.5 and later.
"""

import hashlib
import shlex
from collections.abc import Sequence
from typing import Final, Protocol

from lifecycle.inventory import Connection, Host

CONTROL_PERSIST: Final = "300s"  # a connection that nobody closed ends by itself after this; a run closes its own

_ALGORITHMS: Final = {
    # A key of type ssh-rsa signs with SHA-2; the name of the key type is the old SHA-1 signature, which is refused today.
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}


class SshPaths(Protocol):
    """Where a run keeps what it trusts and the sockets of its open connections."""

    def known_hosts(self, host: Host) -> str:
        """Path of a known_hosts file that holds this host's trusted key, under its id."""
        ...

    def control_path(self, host: Host) -> str:
        """Path of the socket over which connections to this host are shared; empty for none."""
        ...

    @property
    def jump_known_hosts(self) -> str:
        """Path of a known_hosts file with the trusted keys of jump hosts, by address; empty for the user's own alone."""
        ...


def ssh_options(
    connection: Connection,
    *,
    known_hosts: str,
    alias: str = "",
    host_key: str = "",
    control_path: str = "",
    connect_timeout: int = 10,
    jump_known_hosts: str = "",
) -> list[str]:
    """`-o` options for OpenSSH, without program name, user, port and address. ssh takes an option's first value, so put them first.

    `known_hosts` is the only file whose keys count; `alias` is the name that the key goes by in it (the host's id).
    `host_key` is the pinned key, so that the server is asked for a key of that type. `connect_timeout` in seconds.
    """
    options = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _path(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "VerifyHostKeyDNS": "no",
        "HostKeyAlias": alias,
        "HostKeyAlgorithms": host_key_algorithms([host_key] if host_key else []),
        "BatchMode": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "ConnectTimeout": str(connect_timeout),
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "LogLevel": "INFO",  # one that is quieter hides why two sides found no common host key type
    }
    if connection.key:
        options |= {"IdentityFile": _path(connection.key), "IdentitiesOnly": "yes"}
    if control_path:
        options |= {"ControlMaster": "auto", "ControlPath": control_path, "ControlPersist": CONTROL_PERSIST}
    else:
        options |= {"ControlMaster": "no", "ControlPath": "none"}
    options |= _proxy(connection, connect_timeout, jump_known_hosts)
    return [word for name, value in options.items() if value for word in ("-o", f"{name}={value}")]


def ssh_argv(
    connection: Connection,
    *,
    known_hosts: str,
    alias: str = "",
    host_key: str = "",
    control_path: str = "",
    connect_timeout: int = 10,
    jump_known_hosts: str = "",
) -> list[str]:
    """`ssh` with its options, port, user and address. Append the remote command, as one shell text."""
    options = ssh_options(
        connection,
        known_hosts=known_hosts,
        alias=alias,
        host_key=host_key,
        control_path=control_path,
        connect_timeout=connect_timeout,
        jump_known_hosts=jump_known_hosts,
    )
    return ["ssh", "-T", *options, "-p", str(connection.port), "-l", connection.user, "--", connection.address]


def host_options(host: Host, paths: SshPaths, *, connect_timeout: int = 10) -> list[str]:
    """`ssh_options` for a trusted host with the files of a run."""
    return ssh_options(
        host.connection,
        known_hosts=paths.known_hosts(host),
        alias=host_key_alias(host.id),
        host_key=host.host_key,
        control_path=paths.control_path(host),
        connect_timeout=connect_timeout,
        jump_known_hosts=paths.jump_known_hosts,
    )


def host_argv(host: Host, paths: SshPaths, *, connect_timeout: int = 10) -> list[str]:
    """`ssh_argv` for a trusted host with the files of a run. Append the remote command, as one shell text."""
    return ssh_argv(
        host.connection,
        known_hosts=paths.known_hosts(host),
        alias=host_key_alias(host.id),
        host_key=host.host_key,
        control_path=paths.control_path(host),
        connect_timeout=connect_timeout,
        jump_known_hosts=paths.jump_known_hosts,
    )


def host_key_alias(host_id: str) -> str:
    """The name under which a host's key stands in known_hosts: its id, with what the file's syntax would read as a pattern replaced."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in host_id)
    return safe if safe == host_id else f"{safe}-{short_digest(host_id)}"


def short_digest(text: str) -> str:
    """16 hex digits: a short, safe file name for a text. (A socket's path must stay under 104 bytes.)"""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def known_hosts_line(host_id: str, host_key: str) -> str:
    """A known_hosts line that trusts this key for this host alone. The key's comment is dropped."""
    return f"{host_key_alias(host_id)} {bare_key(host_key)}\n"


def authority_line(ca: str) -> str:
    """A known_hosts line that trusts host certificates of this authority. Look a host up by address then, without an alias:
    a certificate's principals are names and addresses.
    """
    return f"@cert-authority * {bare_key(ca)}\n"


def bare_key(key: str) -> str:
    """A public key as `type base64`, without comment: what two keys are compared by."""
    return " ".join(key.split()[:2])


def host_key_algorithms(keys: Sequence[str]) -> str:
    """The value of HostKeyAlgorithms that asks for keys of these types, in this order; empty for none."""
    kinds = dict.fromkeys(key.split()[0] for key in keys if key.strip())
    return ",".join(_ALGORITHMS.get(kind, kind) for kind in kinds)


def proxy_command(connection: Connection, *, connect_timeout: int = 10, jump_known_hosts: str = "") -> str:
    """The ProxyCommand by which a host is reached, with ssh's own tokens still in it; empty where it is reached directly."""
    if connection.proxy_command:
        return connection.proxy_command
    if _jumps(connection):
        return _jump_command(connection, connect_timeout, jump_known_hosts)
    return connection.public_proxy


def passes_descriptor(connection: Connection) -> bool:
    """Whether the host's ProxyCommand hands a connected descriptor to ssh (ProxyUseFdpass) instead of carrying bytes."""
    return connection.proxy_passes_fd and (bool(connection.proxy_command) or not _jumps(connection))


def _jumps(connection: Connection) -> bool:
    """Whether the way leads over a jump host. The jump host itself is reached directly."""
    return jump_address(connection.jump) not in ("", connection.address)


def jump_address(jump: str) -> str:
    """The address in `user@host[:port]`."""
    return _split_port(jump.rpartition("@")[2])[0]


def entered_by(jump: Host) -> str:
    """A host as the jump of others: `user@host:port`."""
    address = jump.outside_address
    return f"{jump.connection.user}@{f'[{address}]' if ':' in address else address}:{jump.connection.port}"


def _proxy(connection: Connection, connect_timeout: int, jump_known_hosts: str) -> dict[str, str]:
    command = proxy_command(connection, connect_timeout=connect_timeout, jump_known_hosts=jump_known_hosts)
    if not command:
        return {"ProxyCommand": "none"}  # also when ~/.ssh/config says otherwise
    return {"ProxyCommand": command, **({"ProxyUseFdpass": "yes"} if passes_descriptor(connection) else {})}


def _jump_command(connection: Connection, connect_timeout: int, jump_known_hosts: str) -> str:
    """ProxyJump, written out: ssh hands none of its options on to a ProxyJump, so the jump's key would be looked up elsewhere."""
    user, at, rest = connection.jump.rpartition("@")
    address, port = _split_port(rest)
    argv = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"ConnectTimeout={connect_timeout}"]
    argv += ["-o", "ControlPath=none", "-o", "LogLevel=ERROR"]
    if jump_known_hosts:
        argv += ["-o", f"UserKnownHostsFile={jump_known_hosts} ~/.ssh/known_hosts"]
    if connection.public_proxy:
        argv += ["-o", f"ProxyCommand={connection.public_proxy}"]
        argv += ["-o", "ProxyUseFdpass=yes"] if connection.proxy_passes_fd else []
    if connection.key:
        argv += ["-o", "IdentitiesOnly=yes", "-i", connection.key]
    if port:
        argv += ["-p", port]
    if at:
        argv += ["-l", user]
    return shlex.join([*(word.replace("%", "%%") for word in argv), "-W", "[%h]:%p", "--", address])


def _path(path: str) -> str:
    """A path as a value of ssh_config: no token of ssh's own in it, and blanks kept together."""
    escaped = path.replace("%", "%%")
    return f'"{escaped}"' if any(c.isspace() for c in escaped) else escaped


def _split_port(text: str) -> tuple[str, str]:
    """`host`, `host:port`, `[v6]` and `[v6]:port`; a bare IPv6 address has no port."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    address, _, port = text.partition(":")
    return address, port
