"""Saved plans: only what was shown can be applied."""

import json
import stat
import zipfile
from pathlib import Path

import pytest

from adapters.terraform import plans
from adapters.terraform.failures import StalePlan
from adapters.terraform.workdir import Workdir
from lifecycle.errors import ExitCode
from lifecycle.plan import Plan


@pytest.fixture
def work(tmp_path: Path) -> Workdir:
    work = Workdir(tmp_path / "web")
    work.prepare()
    return work


def saved(work: Workdir, content: str = "plan") -> Plan:
    path = plans.fresh(work)
    path.write_text(content)
    plans.remember(path, "d1")
    return Plan("web", "d1", token=str(path))


def test_a_plan_is_verified_by_what_its_file_contains(work: Workdir) -> None:
    plan = saved(work)
    path = plans.verified(work, plan, "web")
    assert path.read_text() == "plan"
    assert {stat.S_IMODE(file.stat().st_mode) for file in work.plans.iterdir()} == {0o600}


def test_a_changed_file_is_stale(work: Workdir) -> None:
    plan = saved(work)
    Path(plan.token).write_text("another plan")
    with pytest.raises(StalePlan, match="its file was changed") as stale:
        plans.verified(work, plan, "web")
    assert stale.value.exit_code is ExitCode.LOCKED


def test_a_plan_under_another_digest_is_stale(work: Workdir) -> None:
    plan = saved(work)
    with pytest.raises(StalePlan):
        plans.verified(work, Plan("web", "d2", token=plan.token), "web")


def test_a_newer_plan_makes_the_older_one_stale(work: Workdir) -> None:
    older = saved(work)
    saved(work)
    with pytest.raises(StalePlan, match="newer one"):
        plans.verified(work, older, "web")
    assert len(list(work.plans.glob("*.tfplan"))) == 1


def test_an_applied_plan_leaves_no_file(work: Workdir) -> None:
    plans.discard(Path(saved(work).token))
    assert list(work.plans.iterdir()) == []


@pytest.mark.parametrize("token", ["", "/etc/passwd", "elsewhere/x.tfplan"])
def test_a_token_from_elsewhere_is_refused(work: Workdir, token: str) -> None:
    with pytest.raises(StalePlan, match="not made here"):
        plans.verified(work, Plan("web", "d1", token=token), "web")


def test_the_state_that_a_plan_was_made_from_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "p.tfplan"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tfstate", json.dumps({"serial": 7, "lineage": "l"}))
    assert plans.state_identity(path) == {"lineage": "l", "serial": 7}
    path.write_text("no zip")
    assert plans.state_identity(path) == {}


def test_what_a_kill_left_beside_the_plans_goes_with_the_next_one(work: Workdir) -> None:
    left = [work.plans / "0.tfvars.json", work.plans / ".new-1", work.plans / "2.tfplan"]
    for path in left:
        path.write_text("secret")
    plans.fresh(work)
    assert not any(path.exists() for path in left)


def test_the_state_and_its_backup_are_closed_to_others(work: Workdir) -> None:
    for name in ("terraform.tfstate", "terraform.tfstate.backup"):
        (work.path / name).write_text("{}")
        (work.path / name).chmod(0o644)
    work.prepare()
    assert {stat.S_IMODE(path.stat().st_mode) for path in work.path.glob("terraform.tfstate*")} == {0o600}
