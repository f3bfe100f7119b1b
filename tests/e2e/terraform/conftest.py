"""Real Terraform on small modules, in directories that vanish."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.settings import TerraformSettings
from lifecycle.environment import EnvironmentRef
from lifecycle.plan import Applied, Plan
from lifecycle.ports import Provisioner, Run, StackSpec
from tests.support.localstack import OPTION, at_localstack
from tests.support.moto import moto_server

KEY = b"the store's key"


@dataclass
class Desk:
    """A project with one stack, an adapter on it, and everything that it said."""

    folder: Path
    provisioner: Provisioner
    said: list[tuple[str, str]] = field(default_factory=list)
    stack: StackSpec = field(init=False)

    def __post_init__(self) -> None:
        self.stack = StackSpec(EnvironmentRef("shop", "dev"), "web", self.folder / "project" / "stacks" / "web")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def work(self) -> Path:
        return self.root / "shop" / "dev" / "stacks" / "web"

    def run(self) -> Run:
        return Run(say=lambda kind, message, **_: self.said.append((kind, message)))

    def write(self, text: str, name: str = "stacks/web/main.tf") -> None:
        path = self.folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def given(self, **variables: Any) -> None:
        self.stack = replace(self.stack, variables=variables)

    def plan(self, *, destroy: bool = False) -> Plan:
        return self.provisioner.plan(self.stack, self.run(), destroy=destroy)

    def apply(self, plan: Plan | None = None) -> Applied:
        return self.provisioner.apply(self.stack, plan or self.plan(), self.run())

    def destroy(self) -> Applied:
        return self.apply(self.plan(destroy=True))

    def resources(self) -> list[str]:
        return list(self.provisioner.resources(self.stack, self.run()))

    def outputs(self) -> dict[str, Any]:
        return {name: output.value for name, output in self.provisioner.outputs(self.stack, self.run()).items()}

    def initialised(self) -> int:
        """How often `init` ran."""
        return sum(kind == "stack.initialising" for kind, _ in self.said)


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(tmp_path: Path) -> MakeDesk:
    def make(
        cloud: Mapping[str, str] | None = None, inherited: Mapping[str, str] | None = None, **settings: Any
    ) -> Desk:
        ours = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), **(inherited or {})}
        return Desk(tmp_path, TerraformProvisioner(tmp_path / "root", KEY, cloud, TerraformSettings(**settings), ours))

    return make


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that reaches an AWS-compatible API on loopback: moto's, or LocalStack's where the option says so."""
    with contextlib.ExitStack() as running:
        if request.config.getoption(OPTION):
            endpoint = running.enter_context(at_localstack(request.config, tmp_path_factory.mktemp("localstack")))
        else:
            endpoint = running.enter_context(moto_server(images=True)).endpoint_url
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
