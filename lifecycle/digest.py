"""Digests of values: canonical JSON, keyed where a secret may be inside."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from lifecycle.sensitive import Sensitive

JSON = Any
"""Anything `json.dumps` takes; mappings with text keys, sequences, text, numbers, booleans, None."""


_AS_THEY_ARE = frozenset({str, int, float, bool})


def canonical(value: JSON) -> str:
    """Canonical JSON text of a value: sorted keys, no spaces, tuples as lists, secrets in clear.

    The result may hold secrets: it is meant for a digest, never for a sink.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: JSON, key: bytes = b"") -> str:
    """Hex digest of a value: SHA-256, or HMAC-SHA-256 under `key` when one is given.

    Give the store's key for everything that may hold a secret, so that a digest in a log or in
    the ledger cannot be used to guess it.
    """
    data = canonical(value).encode()
    if key:
        return hmac.new(key, data, hashlib.sha256).hexdigest()
    return hashlib.sha256(data).hexdigest()


def _plain(value: JSON) -> JSON:
    if value is None or type(value) in _AS_THEY_ARE:  # most values: asked first, as it is quick
        return value
    if isinstance(value, Sensitive):
        return {"$sensitive": _plain(value.reveal())}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_plain(v) for v in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(v) for v in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, Path) else value
