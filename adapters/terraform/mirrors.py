"""Where provider packages lie on this machine, and the CLI configuration that tells Terraform so.

Terraform looks for providers in a few implied directories of its own; unpacked mirrors elsewhere must be named in a CLI
configuration file, and once one names any, the implied ones are no longer looked at: so all of them are named.
A provider that a mirror holds is taken from there only; every other one comes directly from its registry.
(developer.hashicorp.com/terraform/cli/config/config-file, "Provider Installation")
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adapters.terraform.environment import CLI_CONFIG

ADD_ON = Path("/opt")  # Filesystem Hierarchy Standard 3.0, section 3.13: add-on software packages
PUBLIC_REGISTRY = "registry.terraform.io"


def discover(
    named: Sequence[Path] = (),
    environment: Mapping[str, str] = os.environ,
    *,
    module: Path | None = None,
    add_on: Path = ADD_ON,
) -> dict[Path, tuple[str, ...]]:
    """Mirror directory → the providers in it (`host/namespace/type`), the ones named by a setting first."""
    found: dict[Path, tuple[str, ...]] = {}
    for folder in (*named, *_implied(environment, module), *_added(add_on)):
        path = folder.expanduser().absolute()
        if path not in found and (providers := _providers(path)):
            found[path] = providers
    return found


def cli_configuration(
    mirrors: Mapping[Path, Sequence[str]], environment: Mapping[str, str], *, implied_only: bool
) -> str | None:
    """The text of a CLI configuration file; None where Terraform needs none of ours.

    A file that the user has (TF_CLI_CONFIG_FILE, else ~/.terraformrc) is respected: what it says about provider installation
    stands, and all else of it is kept. TF_CLI_CONFIG_FILE that names a missing file is as if it were not set.
    """
    theirs = _existing(environment)
    text = theirs.read_text(encoding="utf-8") if theirs else ""
    if "provider_installation" in text or not mirrors or (implied_only and not theirs):
        return text or None
    lines = [text.rstrip(), "provider_installation {"] if text else ["provider_installation {"]
    taken: set[str] = set()
    for path, providers in mirrors.items():
        ours = [provider for provider in providers if provider not in taken]
        lines += _method("filesystem_mirror", "include", providers, path=path)
        taken.update(ours)
    lines += [*_method("direct", "exclude", sorted(taken)), "}", ""]
    return "\n".join(lines)


def implied_directories(environment: Mapping[str, str], module: Path | None = None) -> tuple[Path, ...]:
    """Where Terraform looks by itself ("Implied Local Mirror Directories")."""
    return tuple(_implied(environment, module))


def _implied(environment: Mapping[str, str], module: Path | None) -> Iterator[Path]:
    if module is not None:
        yield module / "terraform.d" / "plugins"
    home = Path(environment.get("HOME") or "/")
    yield home / ".terraform.d" / "plugins"
    yield Path(environment.get("XDG_DATA_HOME") or home / ".local/share") / "terraform" / "plugins"
    for folder in (environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        if folder:
            yield Path(folder) / "terraform" / "plugins"


def _added(add_on: Path) -> Iterator[Path]:
    for registry in sorted(add_on.glob(f"*/{PUBLIC_REGISTRY}")):
        yield registry.parent


def _providers(mirror: Path) -> tuple[str, ...]:
    """Providers of a mirror: host names have a dot, and below the type lie versions or archives."""
    found = (path for path in mirror.glob("*.*/*/*") if path.is_dir() and any(path.iterdir()))
    return tuple(sorted(path.relative_to(mirror).as_posix() for path in found))


def _existing(environment: Mapping[str, str]) -> Path | None:
    for name in CLI_CONFIG:
        if environment.get(name):
            path = Path(environment[name]).expanduser()
            return path if path.is_file() else None
    usual = Path(environment.get("HOME") or "/") / ".terraformrc"
    return usual if usual.is_file() else None


def _method(name: str, word: str, providers: Sequence[str], path: Path | None = None) -> list[str]:
    lines = [f"  {name} {{"]
    if path is not None:
        lines.append(f"    path    = {_quoted(str(path))}")
    lines.append(f"    {word} = [{', '.join(_quoted(provider) for provider in providers)}]")
    return [*lines, "  }"]


def _quoted(text: str) -> str:
    return re.sub(r"\$\{", "$${", json.dumps(text, ensure_ascii=False))
