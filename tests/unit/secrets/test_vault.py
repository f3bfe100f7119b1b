"""Secrets of HashiCorp Vault, from a server on loopback that speaks its API: no Vault itself is to be had where this is tested."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.secrets import SecretMissing, Secrets
from adapters.secrets.errors import SecretAway, SecretRefused
from adapters.secrets.variable import Variables
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import Trouble
from tests.support.servers import Answer, HttpServer, closed_port, http_server

DEV = EnvironmentRef("shop", "dev")
TOKEN = "hvs.canary-token"
CANARY = 'canary "of" Vault\'s'
PATHS: Mapping[str, Any] = {
    # Shapes of https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts and .../secret/kv
    "/v1/sys/internal/ui/mounts/secret/shop/db": {
        "data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}
    },
    "/v1/secret/data/shop/db": {"data": {"data": {"password": CANARY, "port": 3306}, "metadata": {"version": 4}}},
    "/v1/sys/internal/ui/mounts/secret/shop/deleted": {"data": {"path": "secret/", "options": {"version": "2"}}},
    "/v1/sys/internal/ui/mounts/old/kv/db": {"data": {"path": "old/kv/", "type": "kv", "options": None}},
    "/v1/old/kv/db": {"data": {"password": CANARY}},
}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    def answer(path: str) -> Answer:
        if path in PATHS:
            return Answer(200, json.dumps(PATHS[path]).encode(), {"Content-Type": "application/json"})
        status = {"forbidden": 403, "sealed": 503, "broken": 500, "busy": 429}.get(path.rsplit("/", 1)[-1], 404)
        return Answer(status, json.dumps({"errors": [f"canary in Vault's own words of {path}"]}).encode())

    with http_server(answer) as running:
        yield running


def resolved(home: Path, address: str, reference: str, **more: str) -> str:
    environ = {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN, "HOME": str(home)} | more
    environ = {name: value for name, value in environ.items() if value}
    return Secrets(home / "kept", variables=Variables(environ)).resolve(DEV, "db", reference)


def failure(home: Path, address: str, reference: str, **more: str) -> SecretMissing:
    with pytest.raises(SecretMissing, match="secret 'db': ") as caught:
        resolved(home, address, reference, **more)
    assert "canary" not in f"{caught.value.message} {caught.value.hint} {caught.value.facts}"
    return caught.value


@pytest.mark.parametrize("reference", ["vault:secret/shop/db#password", "vault:old/kv/db#password"])
def test_both_versions_of_the_engine_are_read(tmp_path: Path, server: HttpServer, reference: str) -> None:
    assert resolved(tmp_path, server.url(""), reference, VAULT_NAMESPACE="team") == CANARY
    for _, _, headers in server.requests:
        assert headers["X-Vault-Token"] == TOKEN
        assert headers["X-Vault-Namespace"] == "team"


def test_a_number_is_a_text(tmp_path: Path, server: HttpServer) -> None:
    assert resolved(tmp_path, server.url(""), "vault:secret/shop/db#port") == "3306"


def test_the_token_that_a_login_wrote_is_taken(tmp_path: Path, server: HttpServer) -> None:
    (tmp_path / ".vault-token").write_text("of the login")
    (tmp_path / ".vault-token").chmod(0o600)
    assert resolved(tmp_path, server.url(""), "vault:secret/shop/db#password", VAULT_TOKEN="") == CANARY
    assert server.requests[0][2]["X-Vault-Token"] == "of the login"


@pytest.mark.parametrize(
    ("path", "words", "kind", "trouble"),
    [
        ("secret/shop/db#user", "has no key 'user'", SecretMissing, None),
        ("secret/shop/deleted#password", "has no secret secret/shop/deleted", SecretMissing, None),
        ("secret/gone#password", "has no secret secret/gone", SecretMissing, None),
        ("secret/forbidden#password", "does not let this token read", SecretRefused, None),
        ("secret/sealed#password", "is sealed", SecretAway, Trouble.UNREACHABLE),
        ("secret/broken#password", "failed at", SecretAway, Trouble.UNREACHABLE),
        ("secret/busy#password", "too often", SecretAway, Trouble.THROTTLED),
    ],
)
def test_what_vault_does_not_give_is_said_in_our_words(
    tmp_path: Path, server: HttpServer, path: str, words: str, kind: type, trouble: Trouble | None
) -> None:
    error = failure(tmp_path, server.url(""), f"vault:{path}")
    assert words in error.message
    assert type(error) is kind
    assert error.trouble is trouble


def test_a_vault_that_is_away_may_be_asked_again(tmp_path: Path) -> None:
    error = failure(tmp_path, f"http://127.0.0.1:{closed_port()}", "vault:secret/shop/db#password")
    assert error.trouble is Trouble.UNREACHABLE


def test_an_address_and_a_token_are_needed(tmp_path: Path) -> None:
    assert "VAULT_ADDR" in failure(tmp_path, "", "vault:secret/shop/db#password").hint
    assert "VAULT_TOKEN" in failure(tmp_path, "http://127.0.0.1:9", "vault:secret/shop/db#key", VAULT_TOKEN="").hint
