"""The state changes its place: from our directory into the bucket, once and without loss; any other way is refused.

It is pushed (`terraform state push`), and not copied by `init -migrate-state -force-copy`: that overwrites whatever lies there, such
as the state of somebody else's environment of the same name. Killed anywhere, it is simply done again:

    init -reconfigure      the bucket is the backend now, and our file is still what it was
    state pull             what lies there: nothing, ours, or somebody else's, which is refused
    state push             under the state's lock. Whatever first comes to an empty place is given a lineage of its own by Terraform
                           1.11 (in a migration by `init` too), so a second push, forced, makes it ours, and the serial the next one
    rename                 our file becomes the backup; it goes when a plan has found all that it names (`settle`)
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from adapters.terraform import command, failures, plans
from adapters.terraform.backend import place
from adapters.terraform.session import Session
from adapters.terraform.statelock import outliving
from lifecycle.events import Level

State = Mapping[str, Any]


def reconfigures(at: Session) -> bool:
    """Whether `init` may forget where the state was: it is there still, or nowhere. Raises BackendChanged for one left elsewhere."""
    work, label, before = at.work, at.stack.label, at.work.backend()
    if at.remote:
        if work.is_elsewhere() and not at.remote.is_at(before):
            raise failures.BackendChanged(
                f"{label}: the state lies in {place(before)}, and its backend is {at.remote} now", hint=_back(at)
            )
        return True
    if at.own_backend:
        if work.is_elsewhere():
            raise failures.BackendChanged(
                f"{label}: the state lies in {place(before)}, and neither the module nor the blueprint nor the settings name "
                "that backend any more",
                hint=_home(at),
            )
        return True
    if work.holds_local_state():
        raise failures.BackendChanged(
            f"{label}: the module now names the backend '{at.root.backend}', and the state lies in {work.state}"
        )
    return False


def _back(at: Session) -> str:
    return f"name the old backend again; or copy that object to {at.remote} (aws s3 cp), and remove {at.work.data}"


def _home(at: Session) -> str:
    """The two ways out, for a person: back to the bucket, or home with the state."""
    home = f"(cd {shlex.quote(str(at.site.cwd))} && TF_DATA_DIR={shlex.quote(str(at.work.data))} terraform init -migrate-state)"
    return f"name it again (`backend:` in the blueprint, or BATON_BACKEND); or take the state home: {home}, then run it again"


def without_bucket(at: Session, error: failures.TerraformFailed) -> failures.TerraformFailed:
    """The same error, or BucketMissing where that is why `init` failed."""
    if at.remote and re.search(r"NoSuchBucket|bucket .*does not exist", error.message, re.IGNORECASE | re.DOTALL):
        return failures.BucketMissing(
            f"{at.stack.label}: the bucket {at.remote.bucket.bucket}, which is to keep the state, is not there"
        )
    return error


def move(at: Session, longest: timedelta) -> None:
    """Push the state that still lies in our directory into the bucket, which `init` has just been told of. Raises BackendChanged."""
    work = at.work
    if at.remote is None or not work.state.is_file() or not work.state.stat().st_size:
        return
    ours, theirs = _read(at, work.state), _parsed(at.succeed(command.pull_state(), longest))
    if ours.get("resources") or ours.get("outputs"):
        for force in _pushes(at, ours, theirs):
            argv = command.push_state(work.state, force=force)
            outliving(at, partial(at.succeed, argv, longest))
    with suppress(FileNotFoundError):  # somebody else did the same meanwhile
        work.state.rename(work.moved_state)
    work.seal()
    words = f"{at.stack.name}: the state that lay on this machine was moved to {at.remote}"
    at.run.say("state.moved", words, stack=at.stack.name, to=str(at.remote), resources=len(_instances(ours)))


def _pushes(at: Session, ours: State, theirs: State) -> Sequence[bool]:
    """The pushes that are needed, each forced or not. Raises BackendChanged where one would lose what lies there, or ours lacks in it."""
    here, there = _instances(ours), _instances(theirs)
    if not theirs.get("lineage"):  # a place without a state is told as a state of nothing
        return (False, True)
    if theirs["lineage"] != ours.get("lineage"):
        if there and there != here:
            raise failures.BackendChanged(
                f"{at.stack.label}: {at.remote} holds the state of something else already, and ours lies in {at.work.state}",
                hint="give this one another `prefix`; or, if nothing of the other stands any more, delete that object; then run it again",
            )
        return (True,)  # the first push of a move that was killed, or what somebody destroyed
    if theirs.get("serial", 0) <= ours.get("serial", 0):
        return (False,)
    if lost := here.keys() - there.keys():
        raise failures.BackendChanged(
            f"{at.stack.label}: {at.remote} holds a newer state, and {at.work.state} names what that does not: {_listed(lost)}",
            hint="look at both: what stands must be in the bucket's (terraform state push); then remove the file, and run it again",
        )
    return ()


def settle(at: Session, plan: Path) -> None:
    """Drop the backup of a moved state, once this plan has found all that it names; say what it has not found."""
    work, name = at.work, at.stack.name
    if at.remote is None or not work.moved_state.is_file():
        return
    kept = _read(at, work.moved_state)
    same = not _instances(kept) or plans.state_identity(plan).get("lineage") == kept.get("lineage")
    lost = _instances(kept).keys() - _instances(plans.state_before(plan)).keys()
    if same and not lost:
        for file in work.path.glob(f"{work.state.name}*"):  # the backup, and Terraform's own of the time before
            file.unlink(missing_ok=True)
        at.run.say(
            "state.settled", f"{name}: nothing of the moved state is lost: its copy here was removed", stack=name
        )
        return
    words = f"{name}: {at.remote} does not hold all that was moved there: {_listed(lost) or 'it is another state'}; the copy is kept: {work.moved_state}"
    at.run.say("state.incomplete", words, level=Level.WARNING, stack=name)


def _instances(state: State) -> Mapping[str, Any]:
    """Everything managed that a state names: address, instance by instance → its id."""
    return {
        ".".join(filter(None, (one.get("module", ""), one["type"], one["name"]))) + _index(instance): _id(instance)
        for one in state.get("resources") or ()
        if one.get("mode") == "managed"
        for instance in one.get("instances") or ()
    }


def _id(instance: Mapping[str, Any]) -> Any:
    return (instance.get("attributes") or {}).get("id")


def _index(instance: Mapping[str, Any]) -> str:
    return f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""


def _listed(addresses: Set[str]) -> str:
    return ", ".join(sorted(addresses)[:5]) + (" ..." if len(addresses) > 5 else "")


def _read(at: Session, path: Path) -> State:
    try:
        return _parsed(path.read_bytes())
    except ValueError as error:
        raise failures.StateUnreadable(f"{at.stack.label}: the state in {path} cannot be read: {error}") from None


def _parsed(text: bytes) -> State:
    found: State = json.loads(text) if text.strip() else {}
    return found
