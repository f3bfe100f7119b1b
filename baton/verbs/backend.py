"""`baton backend`: the bucket that keeps Terraform's states: make it, look at it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from adapters import backend as backends
from adapters import settings as settings_of
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import cloud, console
from baton.options import Json
from lifecycle.errors import BatonError, ExitCode

if TYPE_CHECKING:
    from adapters.cloud.states import Condition, States

app = App(name="backend", help="The bucket that keeps Terraform's states: make it, and look at it.")

Of = Annotated[str, Parameter(name="BLUEPRINT", help="The blueprint whose `backend` is meant. Default: the setting's.")]


class NoBackend(BatonError):
    """Neither the blueprint nor the settings name a backend."""

    exit_code = ExitCode.USAGE


@app.command
def init(blueprint: Of = "", *, json: Json = False) -> int:
    """Make the bucket: versioned, encrypted, closed to the public. What is right already is left as it is."""
    with _named(blueprint) as states:
        done = states.make()
        fields = {**_fields(states, states.condition()), "done": list(done)}
    if json:
        console.emit("backend", **fields)
    else:
        words = ", ".join(done) or "nothing to do: it is there, versioned, encrypted, and closed to the public"
        console.out.print(f"{fields['bucket']}: {words}", markup=False, soft_wrap=True)
    return 0


@app.command
def show(blueprint: Of = "", *, json: Json = False) -> int:
    """Show which bucket keeps the states, whether it is as it should be, and the states in it. Ends with 1 where it is not."""
    with _named(blueprint) as states:
        now = states.condition()
        fields = {**_fields(states, now), "states": list(states.keys()) if now.exists else []}
    if json:
        console.emit("backend_state", **fields)
    else:
        _tell(fields)
    return int(ExitCode.OK if now.good else ExitCode.FAILED)


@contextmanager
def _named(blueprint: str) -> Iterator["States"]:
    """The bucket that a blueprint or the settings name. Raises NoBackend."""
    from adapters.registry import Registry

    settings = settings_of.load()
    bucket = backends.chosen(settings, read_blueprint(locate(blueprint, settings).path) if blueprint else None)
    if bucket is None:
        raise NoBackend(
            "no backend is named: the states stay on this machine",
            hint="name a blueprint that has a `backend:`, or set BATON_BACKEND=s3://BUCKET",
        )
    if settings.cloud == "local":
        cloud.ensure(settings)
    with closing(Registry.open(settings)) as registry:
        yield registry.states(bucket)


def _fields(states: "States", now: "Condition") -> dict[str, Any]:
    one = states.bucket
    return {
        "bucket": one.bucket,
        "key": one.key("BLUEPRINT", "ENVIRONMENT", "STACK"),
        "region": one.region or "",
        "endpoint": one.endpoint or "",
        "exists": now.exists,
        "versioned": now.versioned,
        "encrypted": now.encrypted,
        "private": now.private,
    }


def _tell(fields: dict[str, Any]) -> None:
    console.out.print(f"s3://{fields['bucket']}/{fields['key']}", markup=False, soft_wrap=True)
    if not fields["exists"]:
        console.out.print("the bucket is not there: `baton backend init` makes it", markup=False)
        return
    for name, words in (("versioned", "versioned"), ("encrypted", "encrypted"), ("private", "closed to the public")):
        console.out.print(f"  {words}: {'yes' if fields[name] else 'NO: baton backend init'}", markup=False)
    console.out.print(f"  states: {len(fields['states'])}", markup=False)
    for key in fields["states"]:
        console.out.print(f"    {key}", markup=False, soft_wrap=True)
