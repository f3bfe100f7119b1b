"""`baton outputs`: what the stacks put out."""

import json as encoder
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import console
from baton.naming import blueprint_of
from baton.options import Env, Json, Target
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.sensitive import MASK

StackName = Annotated[str, Parameter(help="Only this stack.")]


class UnknownStack(BatonError):
    """The blueprint has no such stack."""

    exit_code = ExitCode.USAGE


def outputs(environment: Target, stack: StackName = "", *, env: Env = "dev", json: Json = False) -> int:
    """Show the outputs of an environment's stacks. Sensitive ones are masked."""
    from adapters.registry import Registry
    from lifecycle.ports import Run, StackSpec

    settings = settings_of.load()
    path, name = blueprint_of(environment, env, settings)
    file = locate(path, settings).path
    blueprint = read_blueprint(file)
    if stack and stack not in blueprint.stacks:
        raise UnknownStack(
            f"{blueprint.name} has no stack '{stack}'", hint=f"its stacks: {', '.join(blueprint.stacks)}"
        )
    ref = EnvironmentRef(blueprint.name, name)
    registry = Registry.open(settings)
    registry.withhold(blueprint)
    try:
        provisioner = registry.provisioner(blueprint)
        for one, spec in blueprint.stacks.items():
            if stack not in ("", one):
                continue
            source = (file.parent / spec.source).resolve()
            for key, output in provisioner.outputs(StackSpec(ref, one, source), Run()).items():
                value = MASK if output.sensitive else output.value
                if json:
                    console.emit("output", stack=one, name=key, value=value, sensitive=output.sensitive)
                else:
                    console.out.print(f"{one}.{key} = {encoder.dumps(value, indent=2)}", markup=False, soft_wrap=True)
    finally:
        registry.close()
    return 0
