"""Canaries through every source and every tool: nothing that Baton wrote, said or started has one in it.

The second half switches one guard off at a time and shows that the same search then finds something.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pyrage
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from botocore.config import Config

from tests.e2e.lifecycle.conftest import BATON, Baton, copy_examples
from tests.support.canaries import CANARIES, Processes, Search

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
HERE = Path(__file__).parent
KEPT = ("/stacks/data/terraform.tfstate", "/stacks/data/terraform.tfstate.backup", "/dev/secrets.json")
"""Ends of the paths of files below an environment's directory that must hold secrets: Terraform's state, and what Baton made for the environment."""


@dataclass
class Ground:
    """A user's folder with secrets in it, and all that was said there so far."""

    baton: Baton
    secrets: dict[str, str]
    said: list[str] = field(default_factory=list)
    arguments: set[tuple[str, str]] = field(default_factory=set)
    variables: set[tuple[str, str, str]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    @property
    def home(self) -> Path:
        return self.baton.home

    @property
    def search(self) -> Search:
        return Search(self.secrets, kept=KEPT)

    def run(self, *words: str, code: int = 0, program: tuple[str, ...] = (str(BATON),)) -> None:
        """A command line that must end with this code, watched; what it says is kept."""
        process = subprocess.Popen(
            [*program, *words],
            cwd=self.baton.directory,
            env=self.baton.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with Processes(process.pid, self.search) as processes:
            try:
                self.said += process.communicate(timeout=600)
            finally:
                process.kill()
        self.arguments |= processes.arguments
        self.variables |= processes.variables
        self.seen |= processes.seen
        if process.returncode != code:
            raise AssertionError(
                f"baton {' '.join(words)} ended with {process.returncode}\n{self.said[-2]}\n{self.said[-1]}"
            )

    def found(self) -> dict[str, set[str]]:
        """Where a secret is that must not be there. The cloud itself is left out: it is what keeps some of them."""
        files = self.search.below(self.home, without={self.home / "cloud"})
        files |= self.search.below(Path(os.environ["HOME"]))
        said = {f"output {n}": names for n, text in enumerate(self.said) if (names := self.search.text(text))}
        return files | said

    def inherited(self) -> set[tuple[str, str, str]]:
        """(program, variable, secret) of what processes had and must not have: only Terraform's variables go that way."""
        return {one for one in self.variables if not one[1].startswith("TF_VAR_")}


@pytest.fixture(scope="module")
def ground(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("leaks")
    copy_examples(folder)
    for name in ("leaks", "small"):
        shutil.copytree(HERE / name, folder / "examples" / name)
    keys = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAK_QUOTED", CANARIES["quoted"])
        patch.setenv("BATON_AGE_IDENTITY", str(keys / "identity"))
        patch.setenv("BATON_VAULT_PASSWORD_FILE", str(keys / "password"))
        baton = Baton(home, folder)
        baton("cloud", "up")
        baton("server", "start")
        _plant(folder / "examples" / "leaks" / "secrets", keys)
        _plant_in_cloud(json.loads((home / "cloud" / "cloud.json").read_text()))
        _plant_in_engine(json.loads((home / "engine" / "server.json").read_text()), home)
        token = f"made-by-terraform-{hashlib.sha256(CANARIES['quoted'].encode()).hexdigest()[:12]}"
        yield Ground(baton, {**CANARIES, "token": token})
        for name in ("leaks", "small"):
            baton("down", f"examples/{name}", "--yes", check=False)


def _private(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def _plant(folder: Path, keys: Path) -> None:
    folder.mkdir()
    identity = pyrage.x25519.Identity.generate()
    _private(keys / "identity", str(identity).encode())
    _private(keys / "password", b"of the vault")
    _private(folder / "lines", CANARIES["lines"].encode() + b"\n")
    document = json.dumps({"db": {"long": CANARIES["long"]}})
    _private(folder / "app.age", pyrage.encrypt(document.encode(), [identity.to_public()]))
    sealed = VaultLib([("default", VaultSecret(b"of the vault"))]).encrypt(CANARIES["vaulted"]).decode()
    indented = "".join(f"  {line}\n" for line in sealed.splitlines())
    _private(folder / "vault.yml", f"token: !vault |\n{indented}".encode())


def _plant_in_cloud(cloud: dict[str, Any]) -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=cloud["endpoint_url"],
            region_name=cloud["region"],
            aws_access_key_id=cloud["access_key"],
            aws_secret_access_key=cloud["secret_key"],
            config=Config(read_timeout=60, proxies={}),
        )

    client("ssm").put_parameter(Name="/leaks/eight", Value=CANARIES["eight"], Type="SecureString")
    document = json.dumps({"password": CANARIES["unicode"]})
    client("secretsmanager").create_secret(Name="leaks/app", SecretString=document)


def _plant_in_engine(server: dict[str, str], home: Path) -> None:
    program = "import sys; from prefect.blocks.system import Secret; Secret(value=sys.stdin.read()).save('leak-block')"
    where = {
        "PREFECT_API_URL": server["url"],
        "PREFECT_API_AUTH_STRING": server["auth"],
        "PREFECT_HOME": str(home / "engine"),
    }
    environ = os.environ | where
    argv = [sys.executable, "-c", program]
    subprocess.run(argv, input=CANARIES["block"], text=True, env=environ, check=True, timeout=120, capture_output=True)


@pytest.fixture(scope="module")
def lived(ground: Ground) -> Ground:
    """An environment that failed with everything in its mouth, was mended, and was asked for all that it can show."""
    ground.run("up", "examples/leaks", "--input", "breaks=true", code=1)
    assert "failed in task 'Fail with it in every spelling'" in ground.said[-1], ground.said[-1]
    kept = ground.home / "environments" / "leaks" / "dev" / "secrets.json"
    ground.secrets["made"] = json.loads(kept.read_text())["made"]["value"]
    ground.run("up", "examples/leaks", "--json")
    ground.run("plan", "examples/leaks", "--json")
    for verb in ("status", "hosts", "outputs", "logs", "trace", "history"):
        ground.run(verb, "leaks/dev")
    ground.run("plan", "examples/leaks")
    ground.run("audit", "export")
    return ground


def test_nothing_that_was_written_or_said_holds_a_secret(lived: Ground) -> None:
    assert lived.found() == {}
    assert any("***" in text for text in lived.said), "something was there to be masked"


def test_what_the_engine_shows_was_there_to_be_searched(lived: Ground) -> None:
    with closing(sqlite3.connect(f"file:{lived.home}/engine/prefect.db?mode=ro", uri=True)) as database:
        keys = {row[0] for row in database.execute("SELECT DISTINCT key FROM artifact")}
        events = {row[0] for row in database.execute("SELECT DISTINCT event FROM events")}
        pages = [str(row[0]) for row in database.execute("SELECT data FROM artifact")]
    assert {f"leaks--dev-{what}" for what in ("progress", "preview", "inventory", "checks")} <= keys
    assert {"baton.environment.failed", "baton.environment.ready"} <= events
    assert not any(lived.search.text(page) for page in pages)


def test_no_process_had_a_secret_in_its_arguments(lived: Ground) -> None:
    assert lived.arguments == set()
    assert {"terraform", "ssh"} <= lived.seen


def test_only_terraform_s_variables_were_in_an_environment(lived: Ground) -> None:
    assert lived.inherited() == set()
    assert {variable for _, variable, _ in lived.variables} == {"TF_VAR_plain", "TF_VAR_secrets"}


def test_what_must_hold_secrets_is_closed_to_others(lived: Ground) -> None:
    files = [path for name in KEPT for path in lived.home.glob(f"environments/leaks/**{name}")]
    assert {path.name for path in files} >= {"terraform.tfstate", "secrets.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in files} == {0o700}
    assert lived.search.file(next(path for path in files if path.name == "terraform.tfstate"))


# --- the search finds something where a guard is off

OFF = {
    "nothing": "",
    "the scrubber": "import lifecycle.scrub; lifecycle.scrub.Scrubber.text = lambda self, text: text",
    "the withholding": "import adapters.secrets.variable as v; v.OUR_OWN = ('',)",
}


@pytest.mark.parametrize("off", OFF)
def test_with_a_guard_off_the_search_finds_something(ground: Ground, off: str, tmp_path: Path) -> None:
    own = replace(ground, baton=ground.baton, said=[], arguments=set(), variables=set(), seen=set())
    program = f"{OFF[off]}\nfrom baton.__main__ import main\nmain()"
    before = set(own.found())
    own.run("up", "examples/small", program=(sys.executable, "-P", "-c", program))
    found, inherited = set(own.found()) - before, own.inherited()
    own.run("down", "examples/small", "--yes")
    assert bool(found) is (off == "the scrubber"), found
    assert bool(inherited) is (off == "the withholding"), inherited
