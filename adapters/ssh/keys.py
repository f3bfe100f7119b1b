"""Host keys: their fingerprints, and which one a host presents."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.ssh.call import call
from adapters.ssh.directory import write_private
from lifecycle.inventory import Connection, Host
from lifecycle.ssh_options import authority_line, bare_key, host_key_algorithms, host_key_alias, short_digest, ssh_argv

_LOOK: Final = ["-o", "PreferredAuthentications=none"]  # to see a key, never to log in
_CERTIFICATE: Final = re.compile(r"Server host certificate: (\S+) (SHA256:\S+),")
_REFUSED: Final = re.compile(r"Host key verification failed|No \S+ host key is known")
_DENIED: Final = "Permission denied"  # said only after the host key was found good


def fingerprint(key: str) -> str:
    """`SHA256:…`, as ssh-keygen prints it; the key's text where it is no key."""
    try:
        blob = base64.b64decode(key.split()[1], validate=True)
    except (IndexError, binascii.Error):
        return f"'{key[:40]}' (not a public key)"
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def described(key: str) -> str:
    """A key for a message: `SHA256:… (ssh-ed25519)`."""
    return f"{fingerprint(key)} ({key.split(maxsplit=1)[0]})" if key.strip() else "no key"


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at host keys without logging in, with files in a run's directory."""

    directory: Path
    jump_known_hosts: str
    timeout: float = 10.0
    cancelled: Callable[[], bool] = lambda: False

    def presented(self, host: Host, kinds: Sequence[str] = ()) -> str | None:
        """The key that the host presents now, `type base64`; None where it presents none (of these types).

        ssh writes the key into an empty file of ours, as at a first meeting, and stops before it would log in.
        """
        path = self._file(host, "seen")
        path.unlink(missing_ok=True)
        algorithms = host_key_algorithms(kinds)
        argv = ["-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts=no", *_LOOK]
        argv += ["-o", f"HostKeyAlgorithms={algorithms}"] if algorithms else []
        self._ssh(host.connection, str(path), argv, alias=host_key_alias(host.id))
        try:
            fields = path.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return None
        return " ".join(fields[1:3]) if len(fields) >= 3 else None

    def certified(self, host: Host) -> str | None:
        """The plain key of the host, where it presents a certificate of the host's authority for it; None otherwise."""
        path = self._file(host, "authority")
        write_private(path, authority_line(host.ca))
        # LogLevel is the first of its kind, so that it wins: the certificate is named at that level only.
        said = self._ssh(host.connection, str(path), ["-o", "LogLevel=DEBUG1", *_LOOK])
        certificate = _CERTIFICATE.search(said)
        if not certificate or _REFUSED.search(said) or _DENIED not in said:
            return None
        plain = certificate[1].partition("-cert-")[0]
        key = self.presented(host, [f"{plain} "])
        return key if key and fingerprint(key) == certificate[2] else None

    def answers_with(self, host: Host, known_hosts: str) -> bool:
        """Whether the host's pinned key is what answers at its address. Nobody logs in."""
        said = self._ssh(
            host.connection, known_hosts, _LOOK, alias=host_key_alias(host.id), host_key=bare_key(host.host_key)
        )
        return _DENIED in said

    def _ssh(
        self, connection: Connection, known_hosts: str, first: Sequence[str], *, alias: str = "", host_key: str = ""
    ) -> str:
        """What ssh says. (The connection's key is for its jump: with _LOOK no method of login is left.)"""
        argv = ssh_argv(
            connection,
            known_hosts=known_hosts,
            alias=alias,
            host_key=host_key,
            connect_timeout=max(1, int(self.timeout)),
            jump_known_hosts=self.jump_known_hosts,
        )
        if not alias:
            # ssh would look an address up under the alias of the user's own configuration
            first = [*first, "-o", f"HostKeyAlias={connection.address}"]
        answer = call([argv[0], *first, *argv[1:], "true"], timeout=self.timeout, cancelled=self.cancelled)
        return answer.stderr

    def _file(self, host: Host, what: str) -> Path:
        return self.directory / "k" / f"{short_digest(host.id)}.{what}"
