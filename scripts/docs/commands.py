"""The reference of the command line: verbs and options from the program itself, exit codes, settings, JSON fields."""

import argparse
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from cyclopts import App
from cyclopts.argument import Argument

from adapters.settings import Settings
from baton.__main__ import application
from lifecycle.blueprint.descriptions import attribute_texts
from lifecycle.errors import ExitCode
from local_cloud.cli import parser
from scripts.docs import json_lines
from scripts.docs.markdown import GENERATED, code, sentence, table

OWN_GRAMMAR: Final = "cloud"
"""The verb that is a program of its own."""


def page() -> str:
    """docs/reference/commands.md."""
    app = application()
    parts = [
        f"{GENERATED}\n\n# The command line",
        _INTRODUCTION,
        *(_verb(name, app[name]) for name in verbs(app) if name != OWN_GRAMMAR),
        *_cloud(),
        "## Exit codes\n\n" + table(["code", "meaning"], [[str(int(c)), c.meaning] for c in ExitCode]),
        "## Settings\n\n" + _settings(),
        "## JSON\n\n" + json_lines.section(),
    ]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION: Final = """\
Standard output is the result, standard error is progress and diagnostics. On a terminal `up`, `plan` and `down` show what is in flight;
elsewhere they print a line per step. `NO_COLOR` is respected.

An environment is named `blueprint/name` (`shop/dev`), or by the path of its blueprint and `--env`. `baton VERB --help` says the same
as this page."""


def verbs(of: App) -> list[str]:
    """The commands of an app in the order of a lifecycle, without flags."""
    return [name for name in of if not name.startswith("-")]


def _verb(name: str, one: App) -> str:
    if inner := verbs(one):
        listed = (_verb(f"{name} {sub}", one[sub]).replace("## ", "### ", 1) for sub in inner)
        return "\n\n".join([f"## baton {name}\n\n{sentence(one.help)}", *listed])
    arguments = list(one.assemble_argument_collection())
    usage = " ".join(["baton", name, *(_place(a) for a in arguments if a.index is not None), "[OPTIONS]"])
    rows = table(["argument", "default", "meaning"], [_row(a) for a in arguments]) if arguments else ""
    usage = usage if any(a.index is None for a in arguments) else usage.removesuffix(" [OPTIONS]")
    return "\n\n".join(filter(None, [f"## baton {name}", f"`{usage}`", sentence(one.help), rows]))


def _place(argument: Argument) -> str:
    name = argument.name.lstrip("-").upper()
    if argument.field_info.kind is argument.field_info.VAR_POSITIONAL:
        return f"[-- {name}...]"
    return name if argument.required else f"[{name}]"


def _row(argument: Argument) -> list[str]:
    positional = argument.index is not None
    names = [argument.name.lstrip("-").upper()] if positional else list(argument.names)
    value = "" if positional or argument.hint is bool else " VALUE"
    if argument.parameter.requires_equals:
        value = f"[={argument.parameter.metavar}]"
    default = argument.field_info.default
    said = isinstance(default, str) and default != ""
    shown = "**needed**" if argument.required else code(str(default)) if said else ""
    return [", ".join(code(n + value) for n in names), shown, argument.parameter.help or ""]


def _cloud() -> Iterator[str]:
    top = parser()
    yield f"## baton cloud\n\n{top.description} See [how it works](../mechanisms/local-cloud.md)."
    for name, one in cloud_verbs(top).items():
        actions = [a for a in one._actions if not isinstance(a, argparse._HelpAction)]
        usage = " ".join(one.format_usage().removeprefix("usage: ").replace("[-h] ", "").replace("[-h]", "").split())
        rows = [[", ".join(map(code, a.option_strings)) or code(a.dest.upper()), a.help or ""] for a in actions]
        listed = table(["argument", "meaning"], rows) if rows else ""
        yield "\n\n".join(
            filter(None, [f"### baton cloud {name}", f"`{usage}`", f"{_capital(one.description or '')}.", listed])
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def cloud_verbs(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The local cloud's verbs with their grammars."""
    return next(dict(a.choices) for a in top._actions if isinstance(a, argparse._SubParsersAction))


def _settings() -> str:
    texts = attribute_texts(Settings)
    rows = [[code(f.name), code(f"BATON_{f.name.upper()}"), texts[f.name]] for f in fields(Settings)]
    more = "\n".join(f"- `{name}`: {text}" for name, text in VARIABLES.items())
    return (
        "Each may be given as an environment variable, or as a key of `config.toml` in the user's configuration directory\n"
        "(`~/.config/baton/config.toml`; `BATON_CONFIG` names another file). The environment wins.\n\n"
        + table(["key", "variable", "meaning"], rows)
        + f"\n\nBy environment variable only:\n\n{more}"
    )


VARIABLES: Final = {
    "BATON_CONFIG": "path of the configuration file.",
    "BATON_CLOUD_HOME": "where the local cloud lives, when it is run by itself (`python -m local_cloud`); `baton cloud` sets it.",
    "BATON_DEBIAN_MIRROR": "address of the Debian mirror that the local cloud's base image is built from. Default: the machine's own sources.",
    "BATON_ENGINE_IDLE_SECONDS": "after how long without use the resident server stops. Default: 1800.",
    "PREFECT_API_URL": "a Prefect API to use in place of the resident server; so does an active Prefect profile that names one.",
    "NO_COLOR": "no colours and no live view's styles.",
}
