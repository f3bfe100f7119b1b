"""TLS: contexts that always verify, failures in words, and the look at a certificate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.probe.dialer import Dialer, Link, target
from adapters.probe.look import Budget, Look
from adapters.probe.spec import TlsSpec
from lifecycle.errors import BatonError
from lifecycle.ports import Clock


class NoTrust(BatonError):
    """The certificates to trust cannot be read."""


class HandshakeFailed(Exception):
    """TLS did not come about; the message says why in words."""


def context_for(ca: str) -> ssl.SSLContext:
    """A client context that checks chain and name, against the `ca` (a PEM file's path, or PEM text) or the system's trust."""
    try:
        if ca.lstrip().startswith("-----BEGIN"):
            return ssl.create_default_context(cadata=ca)
        return ssl.create_default_context(cafile=str(Path(ca).expanduser()) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise NoTrust(
            f"cannot read trusted certificates from {ca if len(ca) < 300 else 'the given text'}: {error}",
            hint="`ca` names a file with one or more PEM certificates",
        ) from None


def shake_hands(link: Link, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
    """Speak TLS over the link, name and chain checked. Raises HandshakeFailed; running out of time stays a TimeoutError."""
    try:
        return link.start_tls(context, server_name)
    except ssl.SSLCertVerificationError as error:
        raise HandshakeFailed(f"the certificate was not accepted: {error.verify_message}") from None
    except TimeoutError:
        raise
    except (ssl.SSLError, ConnectionError) as error:
        raise HandshakeFailed(f"no TLS there: {getattr(error, 'reason', None) or error}") from None


def look(spec: TlsSpec, dialer: Dialer, budget: Budget, clock: Clock) -> Look:
    """Whether the server's certificate is trusted, carries the name, and is good for at least `min_days` more."""
    context = context_for(spec.ca)
    with budget.dialled(dialer, spec.host, spec.port) as link:
        try:
            certificate = shake_hands(link, context, spec.server_name).getpeercert() or {}
        except HandshakeFailed as failure:
            return Look(False, f"{target(spec.host, spec.port)} as {spec.server_name}: {failure}")
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (expires - clock.now()).days
    facts = {
        "subject": _name(certificate.get("subject")),
        "issuer": _name(certificate.get("issuer")),
        "not_after": expires.isoformat(),
        "days_left": days,
    }
    words = f"{facts['subject']} by {facts['issuer']}, good until {expires:%Y-%m-%d %H:%M} UTC ({days} days)"
    if days < spec.min_days:
        return Look(False, f"{words}; at least {spec.min_days} days are asked for", facts)
    return Look(True, words, facts)


def _name(parts: Any) -> str:
    """A distinguished name as ssl gives it (tuples of tuples of pairs), in one line."""
    return ", ".join(f"{key}={value}" for group in parts or () for key, value in group)
