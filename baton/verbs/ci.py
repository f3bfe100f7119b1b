"""`baton ci`: the verbs as pipelines need them. Nothing is asked, every end has an exit code, and files are left for later jobs."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton import console
from baton.ci import commenting, following, surroundings
from baton.ci.leaving import Files, parameters
from baton.ci.telling import annotate, end, show_preview, told_of
from baton.heads import tell_head
from baton.naming import BlueprintGone, blueprint_of, environment_named
from baton.options import BadInput, BadWait, Blueprint, Input, Target, Wait, inputs, seconds
from baton.running import run_flow
from baton.verbs.down import take_down
from baton.verbs.plan import Detailed
from baton.verbs.up import AutoApprove
from lifecycle.blueprint.scalars import DURATION_WORDS, parse_duration
from lifecycle.environment import Phase
from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.words import proof_text, summary

app = App(name="ci", help="The verbs for pipelines: never ask, stable exit codes, files for later jobs.")

LEASE = "8h"
"""How long an environment of a pull request may stand, where nobody says otherwise."""

Env = Annotated[
    str,
    Parameter(
        name=["--env", "-e"],
        help="Name of the environment. Default: `pr-17`, by the number of the pull or merge request that the pipeline runs for.",
    ),
]
Lease = Annotated[
    str,
    Parameter(
        name="--lease",
        help=f"The longest that it may stand, where the blueprint grants no lease or a longer one; `none`: as the blueprint says. Default: {LEASE} without --env.",
        metavar="DURATION",
    ),
]
Junit = Annotated[Path | None, Parameter(name="--junit", help="Write the checks to this file as JUnit XML.")]
Comment = Annotated[
    Path | None,
    Parameter(name="--comment", help="Write what is to be said under the pull request to this file, as Markdown."),
]
Dotenv = Annotated[
    Path | None,
    Parameter(
        name="--dotenv",
        help="Write environment, digest, phase and URLs to this file, as GitLab's dotenv reports want it.",
    ),
]
Verb = Annotated[str, Parameter(help="Whose deployment: plan, up, down, rollback or tick.")]
Given = Annotated[
    list[str] | None,
    Parameter(name=["--param", "-p"], help="KEY=VALUE for a parameter of the flow; JSON is read as such.", negative=""),
]
Timeout = Annotated[
    str, Parameter(name="--timeout", help="How long to follow it; then the exit code is 124.", metavar="DURATION")
]
Cancel = Annotated[
    bool,
    Parameter(
        name="--cancel",
        help="Cancel the run where the time is over or the job is stopped. Else it goes on alone.",
        negative="",
    ),
]


CommentFile = Annotated[Path, Parameter(help="What `--comment` wrote.")]


@app.command
def plan(
    blueprint: Blueprint = ".",
    *,
    env: Env = "",
    input: Input = None,
    lease: Lease = "",
    junit: Junit = None,
    comment: Comment = None,
    dotenv: Dotenv = None,
    wait: Wait = False,
    detailed_exitcode: Detailed = False,
) -> int:
    """Show what an up would do, and leave the preview as a comment for the pull request."""
    more = _lease(lease, env)
    told = told_of("plan", blueprint, env, lambda name, view: _flow("plan", blueprint, name, input, wait, more, view))
    show_preview(told)
    end(told, Files(junit, comment, dotenv))
    return int(ExitCode.CHANGES) if detailed_exitcode and told.ended and told.ended.changed else 0


@app.command
def up(
    blueprint: Blueprint = ".",
    *,
    env: Env = "",
    input: Input = None,
    lease: Lease = "",
    auto_approve: AutoApprove = False,
    junit: Junit = None,
    comment: Comment = None,
    dotenv: Dotenv = None,
    wait: Wait = False,
) -> int:
    """Bring an environment up. What needs an approval ends with 4 and the command that gives it."""
    more = _lease(lease, env) | ({"auto_approve": True} if auto_approve else {})
    told = told_of("up", blueprint, env, lambda name, view: _flow("up", blueprint, name, input, wait, more, view))
    if told.error:
        show_preview(told)
    end(told, Files(junit, comment, dotenv))
    if told.ended:
        console.out.print(summary(told.ended), markup=False)
    for url in filter(None, told.values["urls"].split(" ")):
        console.out.print(url, markup=False)
    tell_head(told.ref)  # the job's log keeps it outside of the store
    return 0


@app.command
def down(
    environment: Target = ".",
    *,
    env: Env = "",
    input: Input = None,
    junit: Junit = None,
    comment: Comment = None,
    dotenv: Dotenv = None,
    wait: Wait = False,
) -> int:
    """Take an environment down and prove it. One that is not there is fine: a pull request may close before anything was made."""
    told = told_of("down", environment, env, lambda name, view: _down(environment, name, input, wait, view))
    end(told, Files(junit, comment, dotenv))
    for line in proof_text(told.ended) if told.ended else [told.words]:
        console.out.print(line, markup=False)
    if told.ended:
        tell_head(told.ref)
    return 0


@app.command
def run(verb: Verb, *, param: Given = None, timeout: Timeout = "", cancel: Cancel = False) -> int:
    """Start a verb's deployment, follow its log, and end with a code that tells its ends apart."""
    patience = _duration(timeout, "--timeout") if timeout else None
    try:
        given = parameters(param or [])
    except ValueError as wrong:
        raise BadInput(f"'{wrong}' is not a parameter", hint="write --param KEY=VALUE") from None
    around = surroundings.found(os.environ)
    try:
        followed = following.follow(verb, given, patience=patience, cancel=cancel, system=around.system)
    except BatonError as error:
        annotate(error, around)
        raise
    console.out.print(f"{followed.name}: {followed.message or 'completed'}", markup=False)
    return 0


@app.command
def comment(file: CommentFile) -> int:
    """Put a comment under the pull or merge request of this pipeline, in place of the one that an earlier job left there."""
    around = surroundings.found(os.environ)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    done = commenting.thread(around, os.environ).put(text)
    console.out.print(f"the comment was {done}", markup=False)
    return 0


def _lease(given: str, env: str) -> dict[str, Any]:
    """The flow's parameter; none where the blueprint alone decides."""
    text = given or ("" if env else LEASE)
    return {} if text in ("", "none") else {"lease": _duration(text, "--lease").total_seconds()}


def _duration(text: str, option: str) -> timedelta:
    length = parse_duration(text)
    if length is None or length <= timedelta(0):
        raise BadWait(f"'{text}' is no time for {option}", hint=f"write {DURATION_WORDS}, longer than nothing")
    return length


def _flow(verb: str, blueprint: str, name: str, given: list[str] | None, wait: bool | str, more: Any, view: Any) -> Any:
    return run_flow(verb, blueprint, name, inputs(given), wait=seconds(wait), as_json=False, more=more, view=view)


def _down(text: str, name: str, given: list[str] | None, wait: bool | str, view: Any) -> Any:
    """How the teardown ended; None where nothing was there."""
    from adapters.registry import open_store

    ref = environment_named(text, name)
    with open_store(settings_of.load()) as store:
        known = store.environment(ref)
    if known is None or known.phase in (Phase.NEW, Phase.DESTROYED):
        return None
    try:
        path, name, kept = *blueprint_of(text, name, settings_of.load()), None
    except BlueprintGone as gone:
        if gone.revision is None:
            raise
        path, name, kept = gone.ref.blueprint, gone.ref.name, gone.revision
    return take_down(path, name, inputs(given), seconds(wait), kept, as_json=False, view=view)
