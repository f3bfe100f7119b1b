"""What a blueprint is made of: every file that decides about the outcome, for a revision or a bundle."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.policy import policies
from adapters.revisions import Collected, collect
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.sources import KeyKind, SecretScheme


@dataclass(frozen=True, slots=True)
class Reach:
    """Who knows which files a Terraform module (by its folder) and a playbook are made of."""

    module: Callable[[Path], Iterable[Path]]
    playbook: Callable[[Path], Iterable[Path]]


def gathered(path: Path, blueprint: Blueprint, reach: Reach, origin: Path | None = None) -> Collected:
    """The files of the blueprint at this path, without what it calls a secret. Raises TooLarge, OSError, BatonError.

    `origin` is the folder that its user named, where that is another one: secrets are relative to it.
    """
    base = path.parent
    hidden = set(secrets(blueprint, origin or base))
    modules = {name: list(reach.module((base / s.source).resolve())) for name, s in blueprint.stacks.items()}
    judges = list(_judges(blueprint, base))
    trust = {name: (base / Path(name).expanduser()).resolve() for name in _trust(blueprint)}
    reached = [*(file for files in modules.values() for file in files), *_played(blueprint, base, reach), *judges]
    reached += [file for file in trust.values() if file.is_file()]
    named = [*_named(blueprint, base, modules), *judges]
    named += [file for name, file in trust.items() if not Path(name).expanduser().is_absolute()]
    return collect(path, named, (file for file in reached if file.resolve() not in hidden))


def secrets(blueprint: Blueprint, origin: Path) -> Iterator[Path]:
    """Files that the blueprint calls secrets, or private keys: a playbook's folder may hold them, what is kept may not."""
    names = [i.source.name for i in blueprint.inputs.values() if i.source and i.source.scheme is SecretScheme.FILE]
    names += [s.connection.key.path for s in blueprint.stacks.values() if s.connection.key.kind is KeyKind.FILE]
    yield from ((origin / Path(name).expanduser()).resolve() for name in names)


def _named(blueprint: Blueprint, base: Path, modules: Mapping[str, Sequence[Path]]) -> Iterator[Path]:
    """What the blueprint names by relative paths, and what its modules (name of the stack → files) name so."""
    for name, stack in blueprint.stacks.items():
        if not Path(stack.source).is_absolute():
            yield from modules[name]
    yield from (base.joinpath(name).resolve() for name in _playbooks(blueprint) if not Path(name).is_absolute())


def _playbooks(blueprint: Blueprint) -> Iterator[str]:
    yield from (c.playbook for c in blueprint.configure)
    yield from (c.drain.playbook for c in blueprint.configure if c.drain)


def _played(blueprint: Blueprint, base: Path, reach: Reach) -> Iterator[Path]:
    for name in _playbooks(blueprint):
        yield from reach.playbook((base / name).resolve())


def _judges(blueprint: Blueprint, base: Path) -> Iterator[Path]:
    """What an environment is judged and reckoned by: files of its policy, and its own prices."""
    yield from policies.files(blueprint.policy, base)
    prices = blueprint.cost.prices if blueprint.cost else None
    if prices and not Path(prices).expanduser().is_absolute():
        yield (base / prices).resolve()


def _trust(blueprint: Blueprint) -> Iterator[str]:
    """Names of files with certificates or public keys of authorities: those of checks, those of connections."""
    names = [str(check.spec.get("ca") or "") for check in blueprint.checks]
    names += [str(stack.connection.ca or "") for stack in blueprint.stacks.values()]
    yield from (name for name in names if name and not name.startswith("${"))
