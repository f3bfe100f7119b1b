"""Terraform as a person would use it, in a folder of the test's own: for modules and examples, beside Baton's adapter."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.terraform import binary, mirrors

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RootModule:
    """A root module whose state and working files live in `scratch`; its own folder is only read, but for the lock file.

    `values` reads the state once: change nothing after it.
    """

    folder: Path
    scratch: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, ok: tuple[int, ...] = (0,), timeout: float = 300) -> str:
        """What a command prints; the test fails where it ends otherwise than `ok` says."""
        argv = [*binary.find(os.environ.get("BATON_TERRAFORM", "")).argv, *arguments]
        done = subprocess.run(
            argv, cwd=self.folder, env=self._variables(), check=False, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode in ok, (
            f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout + (done.stderr if done.returncode else "")

    def init(self) -> None:
        self.run("init", "-no-color", f"-backend-config=path={self.scratch / 'terraform.tfstate'}")

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json")).items()}

    def resources(self) -> Counter[str]:
        """How many managed resources of each type the state holds."""
        addresses = self.run("state", "list").split()
        types = (address.split("[")[0].split(".") for address in addresses)
        return Counter(parts[-2] for parts in types if "data" not in parts)

    def values(self, address: str) -> dict[str, Any]:
        """The attributes of one resource of the state."""
        queue = [self._state["values"]["root_module"]]
        while queue:
            module = queue.pop()
            for resource in module.get("resources", ()):
                if resource["address"] == address:
                    values: dict[str, Any] = resource["values"]
                    return values
            queue += module.get("child_modules", ())
        raise AssertionError(f"no {address} in the state")

    @cached_property
    def _state(self) -> Any:
        return json.loads(self.run("show", "-json"))

    def _variables(self) -> dict[str, str]:
        own = {
            "TF_DATA_DIR": str(self.scratch / "data"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        text = mirrors.cli_configuration(mirrors.discover(), os.environ, implied_only=False)
        if text:
            configuration = self.scratch / "terraform.rc"
            configuration.write_text(text)
            own["TF_CLI_CONFIG_FILE"] = str(configuration)
        return {**os.environ, **own, **self.environment}


def root_module(scratch: Path, text: str, environment: Mapping[str, str]) -> RootModule:
    """A root module of one file. `backend "local" {}` is added, so that the state lies in the scratch folder."""
    folder = scratch / "module"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text('terraform {\n  backend "local" {}\n}\n' + text)
    return RootModule(folder, scratch, environment)


def emulator(endpoint_url: str, region: str = "eu-west-1") -> dict[str, str]:
    """The environment that points Terraform at an emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
