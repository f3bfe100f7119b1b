"""Approval in the engine: a deployment's run is suspended with a form, and goes on with what was written into it."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lifecycle.conftest import Baton
from tests.e2e.lifecycle.test_deployments import prefect  # noqa: F401  a fixture
from tests.support.engine_api import EngineApi, processes_of

pytestmark = [pytest.mark.timeout(2400), pytest.mark.long]
REF = "minimal/asked"
GOVERNED = "\napproval: {always: true, valid: 1h, by: ['*']}\n"


def given(decision: str, reason: str, approver: str = "grace") -> dict[str, str]:
    return {"decision": decision, "reason": reason, "approver": approver}


@pytest.fixture
def blueprint(baton: Baton) -> Path:
    path = baton.directory / "examples/minimal/blueprint.yaml"
    path.write_text(path.read_text() + GOVERNED)
    return path


@pytest.fixture
def api(baton: Baton, prefect: Any) -> EngineApi:  # noqa: F811
    prefect("deploy", "--all")
    return EngineApi.of(baton("server", "env").out.splitlines())


def greet(blueprint: Path, words: str) -> None:
    """Change what the web host is to say."""
    text = re.sub(r"default: .*", f"default: {words}", blueprint.read_text(), count=1)
    blueprint.write_text(text)


def status(baton: Baton) -> dict[str, Any]:
    return baton("status", REF, "--json").lines[0]


def answers(baton: Baton) -> list[tuple[str, str, str]]:
    told = [line["event"] for line in baton("audit", "log", "--environment", REF, "--json").of("entry")]
    kinds = ("baton.preview.approved", "baton.preview.rejected")
    return [(e["type"].rpartition(".")[2], e["data"]["actor"], e["data"]["reason"]) for e in told if e["type"] in kinds]


def test_a_run_waits_with_a_form_and_goes_on_with_the_answer(baton: Baton, blueprint: Path, api: EngineApi) -> None:
    parameters = {"blueprint": str(blueprint.parent), "environment": "asked"}
    run = api.start("up", parameters)
    key = api.suspended(run)

    # neither the lock nor a process waits
    end = time.monotonic() + 60
    while processes_of(run):
        assert time.monotonic() < end
        time.sleep(1)
    waiting = status(baton)
    assert (waiting["phase"], waiting["locked_by"], waiting["hosts"]) == ("waiting", "", [])
    assert waiting["approval"]["flow_run"] == run
    assert waiting["next"] == f"baton approve {REF} {waiting['approval']['digest'][:12]}"

    # the form is bound to the preview, shows it, and takes no empty answer
    assert waiting["approval"]["digest"] in key
    schema = api.ask("GET", f"/flow_runs/{run}/input/suspended-{key}-schema")
    assert set(schema["required"]) == {"decision", "reason", "approver"}
    shown = api.ask("GET", f"/flow_runs/{run}/input/suspended-{key}-description")
    assert waiting["approval"]["digest"][:12] in shown
    assert "mermaid" in shown
    for nothing in (None, {}, given("approve", ""), given("perhaps", "so"), given("approve", "so", "  ")):
        assert api.resume(run, nothing) != "ACCEPT", nothing

    # somebody has changed the blueprint meanwhile: what was approved is not what would happen
    blueprint.write_text(blueprint.read_text() + "\n# changed\n")
    assert api.resume(run, given("approve", "looks good")) == "ACCEPT"
    again = api.suspended(run, 2)
    assert again.rpartition("-")[0] != key.rpartition("-")[0]
    assert status(baton)["hosts"] == []
    assert api.resume(run, given("approve", "still good")) == "ACCEPT"
    assert api.ended(run)["type"] == "COMPLETED"
    assert status(baton)["phase"] == "ready"
    assert answers(baton)[-2:] == [("approved", "grace", "looks good"), ("approved", "grace", "still good")]
    rejected_resumed_and_expired(baton, blueprint, api, parameters)
    baton("down", REF)


def rejected_resumed_and_expired(baton: Baton, blueprint: Path, api: EngineApi, parameters: dict[str, str]) -> None:
    """What else may become of a question, put about an environment that stands."""
    # rejected: the run says who and why, the environment is what it was
    before = status(baton)
    greet(blueprint, "Hello again")
    run = api.start("up", parameters)
    api.suspended(run)
    assert status(baton)["phase"] == "ready"
    assert api.resume(run, given("reject", "not on a Friday")) == "ACCEPT"
    ended = api.ended(run)
    assert (ended["type"], ended["name"]) == ("FAILED", "Rejected")
    assert "grace rejected the preview" in ended["message"]
    assert "not on a Friday" in ended["message"]
    after = status(baton)
    assert (after["phase"], after["revision"], after["hosts"]) == ("ready", before["revision"], before["hosts"])
    assert "not on a Friday" in after["message"]

    # `baton approve` resumes it
    greet(blueprint, "Good morning")
    run = api.start("up", parameters)
    api.suspended(run)
    digest = status(baton)["approval"]["digest"]
    said = baton("approve", REF, digest[:12], "--reason", "change 4711", "--json").of("review")[0]
    assert said["resumed"]
    assert api.ended(run)["type"] == "COMPLETED"
    assert answers(baton)[-1][2] == "change 4711"
    assert status(baton)["revision"] > before["revision"]

    # nobody answers: the run fails by itself, and the environment says what happened
    blueprint.write_text(blueprint.read_text().replace("valid: 1h", "valid: 15s"))
    greet(blueprint, "Good night")
    run = api.start("up", parameters)
    api.suspended(run)
    assert api.ended(run)["type"] == "FAILED"
    assert "expired" in baton("status", REF).out
    baton("tick")
    closed = status(baton)
    assert closed["approval"] is None
    assert "expired at" in closed["message"]
    assert closed["phase"] == "ready"
