"""Secrets out of encrypted files, documents and the engine: what is found, and what is said where nothing is."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from prefect.blocks.system import Secret

from adapters.secrets import SecretMissing, Secrets
from adapters.secrets.documents import part
from adapters.secrets.errors import SecretAway, SecretRefused
from flows import blocks
from lifecycle.blueprint.sources import SecretScheme
from lifecycle.environment import EnvironmentRef

DEV = EnvironmentRef("shop", "dev")
CANARY = 'it\'s a "canary"\nwith two lines: ä#€'
PASSWORD = "the password of the vault"


def private(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(0o600)
    return path


def resolved(folder: Path, reference: str, **more: Any) -> str:
    return Secrets(folder / "kept", files=folder, **more).resolve(DEV, "db", reference)


def failure(folder: Path, reference: str, **more: Any) -> SecretMissing:
    with pytest.raises(SecretMissing) as caught:
        resolved(folder, reference, **more)
    told = f"{caught.value.message} {caught.value.hint} {caught.value.facts}"
    assert caught.value.message.startswith("secret 'db': ")
    assert "canary" not in told
    assert PASSWORD not in told
    assert caught.value.__cause__ is None
    return caught.value


# --- documents


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("password: 0123\n", "password", "0123"),
        ("on: 22:30\n", "on", "22:30"),
        ('{"a": {"b": 1e5, "c": true}}', "a.b", "1e5"),
        ('{"a": {"b": 1, "c": true}}', "a.c", "true"),
        ('{"a.b": "dotted", "a": {"b": "nested"}}', "a.b", "dotted"),
        ("a: |\n  two\n  lines\n", "a", "two\nlines\n"),
    ],
)
def test_a_value_of_a_document_is_the_text_that_is_written(text: str, key: str, found: str) -> None:
    assert part(text, key, "it") == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("canary", "has no key"),
        ("other: canary", "has no key"),
        ("key: {canary: 1}", "holds several values"),
        ("key:", "is empty"),
        ("canary: [\n}", "is neither YAML nor JSON"),
        ('{"key": null}', "has no key"),
    ],
)
def test_a_document_without_the_value_is_not_shown(text: str, words: str) -> None:
    with pytest.raises(SecretMissing, match=words) as caught:
        part(text, "key", "it")
    assert "canary" not in caught.value.message


# --- age:


def identity(folder: Path, *keys: pyrage.x25519.Identity) -> str:
    lines = ["# created: today", *(f"# public key: {key.to_public()}\n{key}" for key in keys), ""]
    return str(private(folder / "identity.txt", "\n".join(lines)))


@pytest.mark.parametrize("armoured", [False, True])
def test_a_file_of_age_is_opened_whole_or_by_a_key(tmp_path: Path, armoured: bool) -> None:
    first, second = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    known = identity(tmp_path, first, second)
    data = pyrage.encrypt(json.dumps({"db": {"password": CANARY}}).encode(), [second.to_public()], armored=armoured)
    private(tmp_path / "s.age", data)
    private(tmp_path / "whole.age", pyrage.encrypt(f"{CANARY}\n".encode(), [first.to_public()], armored=armoured))
    assert resolved(tmp_path, "age:s.age#db.password", age_identity=known) == CANARY
    assert resolved(tmp_path, "age:whole.age", age_identity=known) == CANARY


def test_a_file_of_age_that_does_not_open_is_said_and_not_shown(tmp_path: Path) -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    private(tmp_path / "s.age", pyrage.encrypt(b"canary: 1", [mine.to_public()]))
    private(tmp_path / "plain.age", "canary: 1")
    known = identity(tmp_path, mine)
    assert "has no key 'db'" in failure(tmp_path, "age:s.age#db", age_identity=known).message
    assert "no file that age has encrypted" in failure(tmp_path, "age:plain.age", age_identity=known).message
    assert "cannot read" in failure(tmp_path, "age:gone.age", age_identity=known).message
    assert "BATON_AGE_IDENTITY" in failure(tmp_path, "age:s.age").hint
    refused = failure(tmp_path, "age:s.age", age_identity=identity(tmp_path, other))
    assert isinstance(refused, SecretRefused)
    private(tmp_path / "identity.txt", "canary")
    assert "holds no identity" in failure(tmp_path, "age:s.age", age_identity=str(tmp_path / "identity.txt")).message


def test_an_identity_that_others_may_write_is_refused(tmp_path: Path) -> None:
    mine = pyrage.x25519.Identity.generate()
    private(tmp_path / "s.age", pyrage.encrypt(b"canary", [mine.to_public()]))
    known = Path(identity(tmp_path, mine))
    known.chmod(stat.S_IRUSR | stat.S_IWGRP)
    assert "may be written by others" in failure(tmp_path, "age:s.age", age_identity=str(known)).message


# --- ansible-vault:


def sealed(text: str, password: str = PASSWORD) -> str:
    encrypted: bytes = VaultLib([("default", VaultSecret(password.encode()))]).encrypt(text)
    return encrypted.decode()


def inline(text: str) -> str:
    return "!vault |\n" + "".join(f"  {line}\n" for line in sealed(text).splitlines())


@pytest.fixture
def vault(tmp_path: Path) -> dict[str, Any]:
    private(tmp_path / "whole.yml", sealed(f"db:\n  password: {json.dumps(CANARY)}\n"))
    private(tmp_path / "text", sealed(f"{CANARY}\n"))
    private(tmp_path / "mixed.yml", f"user: canary-user\npassword: {inline(CANARY)}")
    return {"vault_password_file": str(private(tmp_path / "password", f"{PASSWORD}\n"))}


@pytest.mark.parametrize("reference", ["whole.yml#db.password", "text", "mixed.yml#password"])
def test_what_the_vault_of_ansible_sealed_is_opened(tmp_path: Path, vault: dict[str, Any], reference: str) -> None:
    assert resolved(tmp_path, f"ansible-vault:{reference}", **vault) == CANARY


def test_what_the_vault_of_ansible_does_not_open_is_said_and_not_shown(tmp_path: Path, vault: dict[str, Any]) -> None:
    assert "is not encrypted" in failure(tmp_path, "ansible-vault:mixed.yml#user", **vault).message
    assert "is not encrypted" in failure(tmp_path, "ansible-vault:mixed.yml", **vault).message
    assert "has no key 'port'" in failure(tmp_path, "ansible-vault:mixed.yml#port", **vault).message
    assert "BATON_VAULT_PASSWORD_FILE" in failure(tmp_path, "ansible-vault:text").hint
    wrong = {"vault_password_file": str(private(tmp_path / "other", "another"))}
    assert isinstance(failure(tmp_path, "ansible-vault:text", **wrong), SecretRefused)
    private(tmp_path / "broken", "$ANSIBLE_VAULT;1.1;AES256\n3132\n")
    assert "damaged" in failure(tmp_path, "ansible-vault:broken", **vault).message


# --- prefect:


def test_a_block_of_the_engine_is_read_as_it_was_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {"number": "0123", "document": {"password": CANARY, "port": 5}, "text": '{"a": "b"}'}

    def load(name: str) -> Any:
        if name not in known:
            raise ValueError(f"Unable to find block document named {name}")
        return Secret(value=known[name])

    monkeypatch.setattr(Secret, "load", load)
    read: Callable[[str], Any] = blocks.secret_block
    assert resolved(tmp_path, "prefect:number", blocks=read) == "0123"
    assert resolved(tmp_path, "prefect:document#password", blocks=read) == CANARY
    assert resolved(tmp_path, "prefect:document#port", blocks=read) == "5"
    assert resolved(tmp_path, "prefect:text#a", blocks=read) == "b"
    assert "holds several values" in failure(tmp_path, "prefect:document", blocks=read).message
    assert "has no Secret block" in failure(tmp_path, "prefect:gone", blocks=read).message
    assert "in a run only" in failure(tmp_path, "prefect:number").message


# --- all of them


def test_every_source_names_the_input_and_says_what_is_missing(tmp_path: Path) -> None:
    absent = {
        SecretScheme.ENV: "env:NOBODY_SET_THIS_CANDIDATE",
        SecretScheme.FILE: "file:gone",
        SecretScheme.PREFECT: "prefect:gone",
        SecretScheme.AWS_SSM: "aws-ssm:/gone",
        SecretScheme.AWS_SM: "aws-sm:gone",
        SecretScheme.VAULT: "vault:secret/gone#key",
        SecretScheme.AGE: "age:gone",
        SecretScheme.ANSIBLE_VAULT: "ansible-vault:gone#key",
    }
    made = {SecretScheme.GENERATE, SecretScheme.CERTIFICATE}
    assert set(absent) | made == set(SecretScheme)
    for reference in absent.values():
        assert failure(tmp_path, reference).hint


def test_what_does_not_answer_may_be_asked_again() -> None:
    error = SecretAway("it is away").about("db")
    assert error.trouble is SecretAway.trouble is not None
    assert str(error) == "secret 'db': it is away"
