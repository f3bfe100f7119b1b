"""`baton publish`: keep a blueprint in the store, so that every worker of that store can run it."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from adapters import shipped
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import console
from baton.options import Blueprint, Json
from baton.views import bundles_table
from lifecycle.blueprint.location import VERSION
from lifecycle.bundle import Bundle, bundle
from lifecycle.environment import NAME
from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.fields import bundle_fields
from lifecycle.report.words import counted

As = Annotated[
    str,
    Parameter(
        name="--as",
        help="Under which name and version. Default: the blueprint's name, and the next number.",
        metavar="NAME[:VERSION]",
    ),
]
List = Annotated[bool, Parameter(name="--list", help="Show what is published instead.", negative="")]


class BadName(BatonError):
    """A bundle cannot be called this."""

    exit_code = ExitCode.USAGE


def publish(blueprint: Blueprint = ".", *, as_: As = "", list_: List = False, json: Json = False) -> int:
    """Keep a blueprint with its modules and playbooks in the store; say the reference that names it in forms and commands."""
    from adapters.parts import gathered, secrets
    from adapters.process.owner import current_owner
    from adapters.registry import open_store, reach

    settings = settings_of.load()
    if list_:
        with open_store(settings) as store:
            return _listed(store.bundles(), as_json=json)
    name, version = named(as_)
    found = locate(blueprint, settings)
    read = read_blueprint(found.path)
    try:
        collected = gathered(found.path, read, reach(found.path.parent))
    except OSError as error:
        raise BatonError(f"{read.name} cannot be published: {error}") from None
    by = current_owner().person
    new = bundle(
        name or read.name,
        version,
        at=datetime.now(UTC),
        by=by,
        blueprint=collected.blueprint,
        files=collected.files,
    )
    with open_store(settings) as store:
        known = {one.version for one in store.bundles(new.name)}
        one = store.publish(new, collected.contents)
    new_one = one.version not in known
    outside = [str(path) for path in _elsewhere(collected.outside)]
    hidden = [str(path) for path in secrets(read, found.path.parent)]
    if json:
        console.emit("bundle", **bundle_fields(one), new=new_one, outside=outside, secrets=hidden)
        return 0
    size = sum(len(content) for content in collected.contents.values())
    console.out.print(one.reference, markup=False)
    how = "published" if new_one else "is published already, as it is"
    console.tell(f"{one.reference} {how}: {counted(len(one.files), 'file')}, {size / 1024:.0f} KB")
    for words, paths in (("not in it, so every worker must have", outside), ("secrets are never in it", hidden)):
        if paths:
            console.tell(f"{words}: {', '.join(paths)}")
    console.tell(f"run it: baton up {one.reference} --env dev, or paste the reference into the form of up/baton")
    return 0


def named(text: str) -> tuple[str, str]:
    """`shop:1.2` → (shop, 1.2); nothing → two empty texts. Raises BadName."""
    if not text:
        return "", ""
    matched = re.fullmatch(rf"({NAME})(?::({VERSION}))?", text)
    if matched is None:
        raise BadName(f"'{text}' is no name of a bundle", hint="write --as NAME or --as NAME:VERSION, such as shop:1.2")
    return matched[1], matched[2] or ""


def _elsewhere(paths: tuple[Path, ...]) -> Iterator[Path]:
    """What a worker must have of its own: all but what every Baton ships."""
    ours = (shipped.terraform_dir(), shipped.playbooks_dir())
    yield from (path for path in paths if not any(path.is_relative_to(folder) for folder in ours))


def _listed(known: Sequence[Bundle], *, as_json: bool) -> int:
    if as_json:
        for one in known:
            console.emit("bundle", **bundle_fields(one))
    else:
        console.out.print(bundles_table(known) if known else "nothing is published yet: baton publish BLUEPRINT")
    return 0
