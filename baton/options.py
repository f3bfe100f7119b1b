"""Options that several verbs share."""

from collections.abc import Mapping
from typing import Annotated

from cyclopts import Parameter

from lifecycle.errors import BatonError, ExitCode

Blueprint = Annotated[str, Parameter(help="A blueprint's file, or a folder that holds a blueprint.yaml.")]
Env = Annotated[str, Parameter(name=["--env", "-e"], help="Name of the environment.")]
Input = Annotated[
    list[str] | None, Parameter(name=["--input", "-i"], help="NAME=VALUE for an input of the blueprint.", negative="")
]
Json = Annotated[bool, Parameter(name="--json", help="One JSON object per line.", negative="")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.", negative="")]
Target = Annotated[str, Parameter(help="An environment as BLUEPRINT/NAME, or the path of its blueprint.")]


class BadInput(BatonError):
    """An --input is not NAME=VALUE."""

    exit_code = ExitCode.USAGE


def inputs(given: list[str] | None) -> Mapping[str, str]:
    """`["a=1"]` → {"a": "1"}; the blueprint's types are applied later. Raises BadInput."""
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise BadInput(f"'{text}' is not an input", hint="write --input NAME=VALUE")
        pairs[name] = value
    return pairs
