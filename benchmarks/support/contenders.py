"""Who builds the shop: Baton, and the baselines in benchmarks/baselines. Each begins with an empty directory."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adapters.endpoint import find
from adapters.settings import Settings
from adapters.terraform import mirrors
from adapters.terraform.environment import surroundings
from benchmarks.support.home import ROOT, Home, Timed, stopwatch

BASELINES = ROOT / "benchmarks" / "baselines"
COPIED = ("examples/shop", "terraform", "playbooks", "benchmarks/baselines")


class Contender(Protocol):
    """One way to the same shop."""

    def up(self, web_count: int = 2) -> Timed:
        """Build it, or bring it to this many web servers."""
        ...

    def down(self) -> None:
        """Take it down and forget it, so that the next `up` begins with nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ByBaton:
    """`baton up examples/shop`."""

    home: Home

    def up(self, web_count: int = 2) -> Timed:
        return self.home.baton("up", "examples/shop", "--json", "--input", f"web_count={web_count}")

    def down(self) -> None:
        self.home.baton("down", "shop/dev", "--json")
        shutil.rmtree(self.home.path / "environments" / "shop", ignore_errors=True)  # what `terraform init` made, too


@dataclass(frozen=True, slots=True)
class ByScript:
    """A script of benchmarks/baselines in a directory of its own. `roots` are its Terraform roots, the last built first."""

    home: Home
    name: str
    roots: tuple[str, ...]
    given: Mapping[str, str] = field(repr=False)

    @property
    def work(self) -> Path:
        return self.home.path / self.name

    def up(self, web_count: int = 2) -> Timed:
        if not self.work.exists():
            for folder in COPIED:
                ignored = shutil.ignore_patterns(".terraform*", "terraform.tfstate*", "__pycache__")
                shutil.copytree(ROOT / folder, self.work / "tree" / folder, ignore=ignored)
        took = stopwatch()
        self._run(web_count, f"{self.name}.sh")
        return Timed(*took(), [])

    def down(self) -> None:
        if self.work.exists():
            self._run(2, "down.sh", *self.roots)
            shutil.rmtree(self.work)

    def _run(self, web_count: int, script: str, *words: str) -> None:
        """Its own output goes to a file: nobody reads it, and a terminal would slow it down. Ends the benchmark if it fails."""
        log = self.work / f"{script}.log"
        environ = {**self.given, "WORK": str(self.work), "WEB_COUNT": str(web_count)}
        with log.open("ab") as out:
            done = subprocess.run(
                [str(BASELINES / script), *words],
                env=environ,
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            sys.exit(f"{script} failed:\n{log.read_text(errors='replace')[-8000:]}")


def contenders(home: Home) -> dict[str, Contender]:
    """All of them, by name; they are never there at the same time."""
    given = _given(home)
    stacks = ("examples/shop/terraform/front", "examples/shop/terraform/data")
    return {
        "baton": ByBaton(home),
        "script": ByScript(home, "script", stacks, given),
        "provisioners": ByScript(home, "provisioners", ("benchmarks/baselines/provisioners",), given),
    }


def _given(home: Home) -> dict[str, str]:
    """What Baton hands its tools, for the scripts: the cloud's endpoint and the same mirror of providers."""
    endpoint = find(Settings(home=home.path))
    configuration = home.path / "terraform.rc"
    text = mirrors.cli_configuration(mirrors.discover(), os.environ, implied_only=False)
    configuration.write_text(text or "")
    tools = str(Path(sys.executable).parent)  # ansible-playbook is the one that Baton runs
    return {
        **surroundings(os.environ, endpoint.variables()).variables,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "BROKER": endpoint.broker,
        "JUMP_PROXY": endpoint.operator_proxy_command,
        "OPERATOR_CIDR": endpoint.operator_cidr,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start elsewhere
    }
