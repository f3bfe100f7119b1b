"""Previews, policy and approval on real stacks: what is denied or waits is not touched, what was approved is what is applied."""

from pathlib import Path

import pytest

from tests.e2e.lifecycle.conftest import Baton

pytestmark = pytest.mark.timeout(900)
REF = "minimal/gov"
UP = ("up", "examples/minimal", "--env", "gov")


def test_a_denied_environment_is_never_made_and_says_where_it_is_written_and_what_to_do(baton: Baton) -> None:
    ran = baton("up", "examples/policy-denied", "--json", check=False)
    assert ran.code == 3
    (error,) = ran.of("error")
    assert "examples/policy-denied/terraform/main.tf:" in error["message"]
    assert (
        "denied by the policy public-ingress: aws_security_group.web: ingress[0]: port 22 is open to 0.0.0.0/0"
        in error["message"]
    )
    assert "only 443 may be open to everybody" in error["hint"]
    assert ran.finished("apply") == []
    (preview,) = ran.of("preview")
    assert preview["denied"] is True
    shown = baton("plan", "examples/policy-denied", "--markdown", check=False)
    assert shown.code == 3
    assert "### policy-denied/dev: denied by its policy" in shown.out
    assert "```mermaid" in shown.out
    assert baton("down", "policy-denied/dev").code == 0


@pytest.fixture(scope="module")
def governed(lasting: Baton) -> Baton:
    with (lasting.directory / "examples" / "minimal" / "blueprint.yaml").open("a") as file:
        file.write(
            "\napproval: {always: true}\ncost: {max_monthly: 500}\npolicy: {rules: {public-ingress: {ports: [80]}}}\n"
        )
    return lasting


TAMPERED = {
    "blueprint": ("blueprint.yaml", "\n# somebody was here\n"),
    "module of stack main": ("terraform/main.tf", "\n# somebody was here\n"),
    "playbook of configure web": ("site.yml", "\n# somebody was here\n"),
}


@pytest.mark.long
def test_what_was_approved_is_carried_out_and_nothing_else(governed: Baton, tmp_path: Path) -> None:
    refused = governed(*UP, "--json", check=False)
    assert refused.code == 4
    assert refused.finished("apply") == []
    saved = tmp_path / "preview.json"
    governed("plan", "examples/minimal", "--env", "gov", "--save", str(saved))
    digest = governed("show", str(saved), "--json").lines[0]["digest"]
    assert saved.stat().st_mode & 0o777 == 0o600
    folder = governed.directory / "examples" / "minimal"
    for part, (name, text) in TAMPERED.items():
        governed("approve", REF, digest[:12])
        before = (folder / name).read_text()
        (folder / name).write_text(before + text)
        stale = governed(*UP, "--json", check=False)
        assert stale.code == 5, part
        assert part in stale.of("error")[0]["message"]
        assert stale.finished("apply") == []
        (folder / name).write_text(before)
        governed("plan", "examples/minimal", "--env", "gov")  # asks again for what it was
    governed("approve", REF, digest[:12])
    other = governed(*UP, "--input", "greeting=Hi", "--json", check=False)
    assert other.code == 5
    assert "inputs" in other.of("error")[0]["message"]
    governed("plan", "examples/minimal", "--env", "gov")
    governed("approve", REF, digest[:12], "--reason", "looked at it")
    assert governed(*UP, "--json").result["phase"] == "ready"
    told = [line["event"] for line in governed("audit", "log", "--environment", REF, "--json").of("entry")]
    answers = [event["data"] for event in told if event["type"] == "baton.preview.approved"]
    assert (answers[-1]["digest"], answers[-1]["reason"]) == (digest, "looked at it")
    reviews = [event["data"] for event in told if str(event["data"].get("step", "")).startswith("review:")]
    assert reviews[-1]["words"].startswith("approved by ")
    assert reviews[-1]["preview"] == digest


@pytest.mark.long
def test_a_rehearsal_shows_what_would_change_on_a_host_and_changes_nothing(governed: Baton) -> None:
    shown = governed(
        "plan", "examples/minimal", "--env", "gov", "--input", "greeting=Rehearsed", "--detailed-exitcode", check=False
    )
    assert shown.code == 2
    assert "-<h1>Hello from Baton</h1>" in shown.out
    assert "+<h1>Rehearsed</h1>" in shown.out
    again = governed("plan", "examples/minimal", "--env", "gov", "--detailed-exitcode")
    assert "web-1: nothing to do" in again.out
    assert governed("down", REF).code == 0
