"""vault:MOUNT/PATH#KEY: a value in HashiCorp Vault, of its key-value engine in either version.

As Vault's own command line: VAULT_ADDR, VAULT_TOKEN (else ~/.vault-token), VAULT_NAMESPACE, VAULT_CACERT, VAULT_SKIP_VERIFY.
The engine's version is asked for, as that does: https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.secrets.documents import value_at
from adapters.secrets.errors import SecretAway, SecretMissing, SecretRefused, not_installed
from adapters.secrets.file import file_text
from lifecycle.errors import BatonError, Trouble

TIMEOUT_SECONDS: Final = 10
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def from_vault(place: str, key: str, environ: Mapping[str, str], warn: Callable[[str], object]) -> str:
    """The text at a key of the secret's newest version. Raises SecretMissing, SecretRefused, SecretAway."""
    address = environ.get("VAULT_ADDR", "")
    if not address:
        raise SecretMissing("nobody said where Vault is", hint="set VAULT_ADDR, such as https://vault.example.com:8200")
    client = _client(address, environ, warn)
    address = urlsplit(address).netloc.rpartition("@")[2]  # for messages: some write a password into it
    mount, versioned = _mount(client, place, address)
    rest = place.removeprefix(mount).strip("/")
    path = f"{mount.strip('/')}/data/{rest}" if versioned else place
    answer = _asked(lambda: client.read(path), f"the secret {place}", address)
    data = (answer or {}).get("data") or {}
    held = (data.get("data") or {}) if versioned else data
    if not held:
        hint = "is the path right (MOUNT/PATH, without `data/`)? Was its newest version deleted?"
        raise SecretMissing(f"Vault at {address} has no secret {place}", hint=hint)
    return value_at(held, key, f"the secret {place} in Vault")


def _client(address: str, environ: Mapping[str, str], warn: Callable[[str], object]) -> Any:
    try:
        import hvac
        import requests
    except ImportError:
        raise not_installed("hvac") from None
    session = requests.Session()
    session.trust_env = (
        urlsplit(address).hostname not in _LOOPBACK
    )  # a proxy for the internet knows nothing of our loopback
    skip = environ.get("VAULT_SKIP_VERIFY", "").lower() in ("1", "t", "true")
    session.verify = False if skip else environ.get("VAULT_CACERT") or True
    return hvac.Client(
        url=address,
        token=_token(environ, warn),
        namespace=environ.get("VAULT_NAMESPACE") or None,
        timeout=TIMEOUT_SECONDS,
        session=session,
        verify=session.verify,
    )


def _token(environ: Mapping[str, str], warn: Callable[[str], object]) -> str:
    if environ.get("VAULT_TOKEN"):
        return environ["VAULT_TOKEN"]
    path = Path(environ.get("HOME") or "~").expanduser() / ".vault-token"
    if not path.is_file():
        raise SecretMissing(
            "there is no token for Vault", hint=f"set VAULT_TOKEN, or log in: `vault login` writes {path}"
        )
    return file_text(path, warn).strip()


def _mount(client: Any, place: str, address: str) -> tuple[str, bool]:
    """(the engine's mount with its slash, whether it keeps versions) for a secret's path."""
    answer = _asked(lambda: client.read(f"sys/internal/ui/mounts/{place}"), f"the engine of {place}", address)
    data = (answer or {}).get("data") or {}
    options = data.get("options") or {}
    return data.get("path") or f"{place.split('/', maxsplit=1)[0]}/", str(options.get("version", "1")) == "2"


def _asked(question: Callable[[], Any], what: str, address: str) -> Any:
    """Vault's answer; None where there is nothing. Its own words are not passed on: they quote the request."""
    import requests
    from hvac import exceptions as vault

    try:
        return question()
    except vault.InvalidPath:
        return None
    except (vault.Forbidden, vault.Unauthorized):
        hint = "does the token's policy allow `read` there, has it expired, is VAULT_NAMESPACE right?"
        raise SecretRefused(f"Vault at {address} does not let this token read {what}", hint=hint) from None
    except vault.RateLimitExceeded:
        raise _away(f"Vault at {address} is asked too often", Trouble.THROTTLED) from None
    except (vault.VaultDown, vault.VaultNotInitialized):
        raise _away(f"Vault at {address} is sealed, or a standby that does not answer") from None
    except (vault.InternalServerError, vault.BadGateway) as error:
        raise _away(f"Vault at {address} failed at {what} ({type(error).__name__})") from None
    except requests.exceptions.SSLError:
        hint = "is VAULT_CACERT the certificate of its authority?"
        raise SecretMissing(f"the certificate of Vault at {address} is not trusted", hint=hint) from None
    except (requests.ConnectionError, requests.Timeout):
        raise _away(f"Vault at {address} does not answer") from None
    except (vault.VaultError, requests.RequestException, ValueError) as error:
        hint = "is VAULT_ADDR the address of a Vault, and nothing in between?"
        raise SecretMissing(
            f"Vault at {address} cannot be asked for {what} ({type(error).__name__})", hint=hint
        ) from None


def _away(words: str, trouble: Trouble = Trouble.UNREACHABLE) -> BatonError:
    error = SecretAway(words, hint="look at `vault status`, and at the network between")
    error.trouble = trouble
    return error
