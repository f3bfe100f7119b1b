"""The environment that Terraform and its providers run in.

What our own environment holds is handed on, except what would change a command's meaning behind our back: those names are
removed (and said), as terraform-exec does; given explicitly, they are refused. When the cloud is given (an endpoint,
credentials), every other AWS_* variable and the shared configuration files are left out, so that a shell's production
profile cannot get mixed into a rehearsal.

What an emulator needs and what the environment can give (AWS provider 5.100 against moto, tried):

- AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION suffice; no skip_* flag and no provider block is
  needed, because moto answers STS.
- AWS_EC2_METADATA_DISABLED=true: no look at the instance metadata address.
- S3 path style cannot be asked for by environment; it is used by itself when the endpoint is an IP address. So give one.
- AWS_MAX_ATTEMPTS is *not* obeyed (the provider's own max_retries, 25, wins): an endpoint that answers 500 holds a command
  for minutes, a refused connection for 25 s. Deadlines and a look at the endpoint before the command stand in for it.
- TF_AWS_DEFAULT_TAGS_<key> adds default tags from provider 5.62 on. The key may hold any character but `=`; colons work.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lifecycle.errors import BatonError, ExitCode

FORBIDDEN = frozenset(
    {
        "TF_APPEND_USER_AGENT", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_DISABLE_PLUGIN_TLS", "TF_FORCE_LOCAL_BACKEND", "TF_IGNORE",
        "TF_IN_AUTOMATION", "TF_INPUT", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PATH", "TF_LOG_PROVIDER", "TF_REATTACH_PROVIDERS",
        "TF_SKIP_PROVIDER_VERIFY", "TF_WORKSPACE",
    }
)  # fmt: skip
FORBIDDEN_PREFIXES = ("TF_CLI_ARGS_", "TF_VAR_", "TF_AWS_DEFAULT_TAGS_", "TF_LOG_PROVIDER_")
CLI_CONFIG = ("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG")
OURS = ("PREFECT_API_AUTH_STRING",)
"""Passwords of Baton's own: no tool needs them."""
DEFAULT_TAG = "TF_AWS_DEFAULT_TAGS_"


class ForbiddenVariable(BatonError):
    """An environment variable that Baton sets itself was given."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every command of an adapter is given. `removed` names what was left out of our own environment."""

    variables: Mapping[str, str] = field(repr=False)
    removed: tuple[str, ...] = ()

    def command(self, *, data_dir: Path, cli_config: Path | None, tags: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a stack's commands, without its variables."""
        own = {
            "TF_DATA_DIR": str(data_dir),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            **({"TF_CLI_CONFIG_FILE": str(cli_config)} if cli_config else {}),
            **{_tag(key): value for key, value in tags.items()},
        }
        return {**self.variables, **own}


def surroundings(inherited: Mapping[str, str], cloud: Mapping[str, str]) -> Surroundings:
    """Our environment without what must not reach Terraform, and the cloud's variables. Raises ForbiddenVariable."""
    if wrong := sorted(name for name in cloud if is_forbidden(name) or name in CLI_CONFIG):
        raise ForbiddenVariable(
            f"{', '.join(wrong)} cannot be set for Terraform: Baton sets it or depends on its absence",
            hint="variables belong into the blueprint, tags too; logs can be asked for with a setting",
        )
    removed = tuple(sorted(name for name in inherited if is_forbidden(name)))
    kept = {
        name: value for name, value in inherited.items() if not is_forbidden(name) and name not in (*CLI_CONFIG, *OURS)
    }
    if any(name.startswith("AWS_") for name in cloud):
        kept = {name: value for name, value in kept.items() if not name.startswith("AWS_")}
    return Surroundings({**kept, **_emulator(cloud, inherited), **cloud}, removed)


def is_forbidden(name: str) -> bool:
    return name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIXES)


def encoded(value: Any, type: str) -> str | None:
    """A value as TF_VAR_* wants it for a variable of this declared type; None where only a file can carry it.

    Primitive and undeclared types take the text as it is, all others an expression: JSON is one, once `${` is escaped.
    """
    if type in ("", "string", "number", "bool"):
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int | float) else None
    text = json.dumps(value, ensure_ascii=False)  # HCL reads no surrogate pairs, which JSON writes 🐤 with
    return re.sub(r"\\.", _hcl_escape, text).replace("${", "$${").replace("%{", "%%{")


def _hcl_escape(found: re.Match[str]) -> str:
    """An escape of JSON as HCL has it: that knows no \\b and no \\f."""
    return {r"\b": r"\u0008", r"\f": r"\u000c"}.get(found[0], found[0])


def _emulator(cloud: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    endpoint = cloud.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return {}
    host = urlsplit(endpoint).hostname or ""
    direct = ",".join(filter(None, (inherited.get("NO_PROXY") or inherited.get("no_proxy"), host)))
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _tag(key: str) -> str:
    if not key or "=" in key or "\0" in key:
        raise BatonError(f"'{key}' cannot be a tag's key", hint="a key is not empty and holds no '='")
    return DEFAULT_TAG + key
