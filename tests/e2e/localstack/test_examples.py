"""The examples at LocalStack, as far as it carries them: everything but what needs something to log in to."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import yaml

from tests.e2e.lifecycle.conftest import Baton, Ran

pytestmark = [pytest.mark.timeout(900)]
BUCKET = "examples"


@dataclass(frozen=True)
class Table:
    """What was tried, and how far it went; printed as it comes (`make localstack`)."""

    name: str

    def row(self, stage: str, found: str) -> None:
        print(f"\n  {self.name:16}{stage:22}{found}", end="")


@pytest.fixture
def at_localstack(baton: Baton) -> Callable[[str], Table]:
    """Prepare an example: its state in a bucket of LocalStack's, and little patience with hosts that nobody can log in to."""

    def prepared(name: str) -> Table:
        path = baton.directory / "examples" / name / "blueprint.yaml"
        blueprint = yaml.safe_load(path.read_text())
        if "connection" in blueprint:
            blueprint["connection"]["ready_deadline"] = "5s"
        path.write_text(yaml.safe_dump(blueprint | {"backend": {"s3": {"bucket": BUCKET}}}))
        table = Table(name)
        made = baton("backend", "init", str(path.parent), "--json").of("backend")
        table.row("bucket for states", f"versioned, encrypted, private: {made[0]['exists']}")
        return table

    return prepared


@pytest.mark.parametrize("name", ["minimal", "shop"])
def test_an_example_is_built_there_but_for_its_hosts_and_goes_without_a_trace(
    name: str, baton: Baton, at_localstack: Callable[[str], Table]
) -> None:
    table = at_localstack(name)
    folder = f"examples/{name}"
    previewed = baton("plan", folder, "--json", check=False)
    assert previewed.code == 0, previewed.err
    (preview,) = previewed.of("preview")
    table.row("plan", f"{len(preview['stacks'])} stacks")

    up = baton("up", folder, "--json", check=False, timeout=600)
    table.row("apply", f"{', '.join(up.finished('apply'))}")
    table.row("log in", _why(up))
    assert up.code == 1
    assert "apply:main" in up.finished("apply") or "apply:data" in up.finished("apply")
    (error, *_) = up.of("error")
    assert "nobody answers" in error["message"] or "await" in error.get("step", "")

    gone = baton("down", f"{name}/dev", "--json", timeout=600)
    assert gone.result["phase"] == "destroyed"
    assert gone.result["proof"]["certificate"]
    table.row("down, certificate", "nothing is left")


def test_what_is_denied_is_denied_there_too(baton: Baton, at_localstack: Callable[[str], Table]) -> None:
    table = at_localstack("policy-denied")
    assert baton("up", "examples/policy-denied", check=False).code == 3
    table.row("policy", "denied (3), nothing made")


def _why(ran: Ran) -> str:
    return "; ".join(" ".join(one["message"].split())[:90] for one in ran.of("error"))
