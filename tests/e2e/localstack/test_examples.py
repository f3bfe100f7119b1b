"""The examples at LocalStack, as far as it carries them: everything but what needs something to log in to."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.lifecycle.conftest import Baton, Ran

pytestmark = [pytest.mark.timeout(900)]
BUCKET = "examples"
CHANGES = 2


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
        text = path.read_text().replace("\nconnection:\n", "\nconnection:\n  ready_deadline: 5s\n")
        path.write_text(f"{text}\nbackend: {{s3: {{bucket: {BUCKET}}}}}\n")
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
    previewed = baton("plan", folder, "--json", "--detailed-exitcode", check=False)
    assert previewed.code == CHANGES, previewed.out + previewed.err
    table.row("plan", ", ".join(previewed.finished("plan") + previewed.finished("foresee")))

    up = baton("up", folder, "--json", check=False, timeout=600)
    table.row("apply", f"{', '.join(up.finished('apply'))}")
    table.row("log in", _why(up))
    assert up.code == 1
    assert "apply:main" in up.finished("apply") or "apply:data" in up.finished("apply")
    (error, *_) = up.of("error")
    assert "was not ready within 5 s" in error["message"]

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
