"""What every Provisioner promises: one suite on real Terraform (resources that need no cloud) and on the fake."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.world import FakeModule, FakeWorld
from adapters.terraform.adapter import TerraformProvisioner
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.plan import Action, Fidelity
from lifecycle.ports import Provisioner, Run, StackSpec

HOSTS = """
variable "names" {
  type    = set(string)
  default = ["a"]
}
variable "motto" {
  default = ""
}
resource "terraform_data" "host" {
  for_each = var.names
}
output "motto" {
  value = var.motto
}
"""


@dataclass(frozen=True)
class Case:
    """A provisioner and a module for it: `names` become resources, `motto` an output."""

    provisioner: Provisioner
    source: Path

    def stack(self, **variables: Any) -> StackSpec:
        return StackSpec(EnvironmentRef("shop", "dev"), "web", self.source, variables)

    def make(self, **variables: Any) -> StackSpec:
        stack = self.stack(**variables)
        self.provisioner.apply(stack, self.provisioner.plan(stack, Run()), Run())
        return stack


def _hosts(variables: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    return dict.fromkeys(variables.get("names", ["a"]), ())


@pytest.fixture(params=["terraform", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    source = tmp_path / "module"
    source.mkdir()
    (source / "main.tf").write_text(HOSTS)
    if request.param == "terraform":
        return Case(TerraformProvisioner(tmp_path / "root", b"key"), source)
    module = FakeModule(hosts=_hosts, outputs=lambda variables: {"motto": variables.get("motto", "")})
    return Case(FakeProvisioner(FakeWorld({"module": module})), source)


def test_a_plan_says_exactly_what_an_apply_then_does(case: Case) -> None:
    stack = case.stack(names=["a", "b"], motto="hello")
    plan = case.provisioner.plan(stack, Run())
    assert (plan.stack, plan.fidelity, plan.applyable, plan.destroy, plan.errored) == (
        "web", Fidelity.EXACT, True, False, False,
    )  # fmt: skip
    assert [change.action for change in plan.changes] == [Action.CREATE, Action.CREATE]
    applied = case.provisioner.apply(stack, plan, Run())
    assert sorted(applied.changed) == sorted(change.address for change in plan.acting)
    assert applied.outputs["motto"].value == "hello"
    assert case.provisioner.outputs(stack, Run())["motto"].value == "hello"


def test_what_is_as_it_should_be_is_not_applyable_and_its_outputs_are_known(case: Case) -> None:
    plan = case.provisioner.plan(case.make(motto="hello"), Run())
    assert (plan.applyable, plan.acting) == (False, ())
    assert plan.outputs["motto"].value == "hello"


def test_a_changed_output_alone_is_applyable(case: Case) -> None:
    case.make(motto="hello")
    plan = case.provisioner.plan(case.stack(motto="bye"), Run())
    assert (plan.applyable, plan.outputs_changed, plan.acting) == (True, True, ())


def test_the_digest_names_the_plans_content(case: Case) -> None:
    one, same, other = (case.provisioner.plan(case.stack(names=names), Run()).digest for names in (["a"], ["a"], ["b"]))
    assert one == same
    assert one != other


def test_a_plan_that_reality_has_overtaken_is_refused(case: Case) -> None:
    stack = case.stack(names=["a"])
    plan = case.provisioner.plan(stack, Run())
    case.make(names=["a", "b"])
    with pytest.raises(BatonError):
        case.provisioner.apply(stack, plan, Run())


def test_a_removed_resource_is_doomed_by_its_physical_id(case: Case) -> None:
    case.make(names=["a", "b"])
    plan = case.provisioner.plan(case.stack(names=["a"]), Run())
    (gone,) = (change for change in plan.changes if change.action is Action.DELETE)
    assert plan.doomed_ids == {gone.physical_id}


def test_a_destroy_plan_takes_everything_and_nothing_is_forgotten_before(case: Case) -> None:
    stack = case.make(names=["a", "b"])
    assert len(case.provisioner.resources(stack, Run())) >= 2
    with pytest.raises(BatonError):
        case.provisioner.forget(stack)
    plan = case.provisioner.plan(stack, Run(), destroy=True)
    assert (plan.destroy, plan.applyable, plan.count(Action.DELETE)) == (True, True, 2)
    case.provisioner.apply(stack, plan, Run())
    assert list(case.provisioner.resources(stack, Run())) == []
    assert case.provisioner.outputs(stack, Run()) == {}
    case.provisioner.forget(stack)
    case.provisioner.forget(stack)


def test_what_never_was_has_no_resources_no_outputs_and_nothing_to_destroy(case: Case) -> None:
    stack = case.stack()
    assert list(case.provisioner.resources(stack, Run())) == []
    assert case.provisioner.outputs(stack, Run()) == {}
    assert not case.provisioner.plan(stack, Run(), destroy=True).applyable


def test_a_fingerprint_is_the_same_until_the_module_changes(case: Case) -> None:
    assert case.provisioner.fingerprint(case.source) == case.provisioner.fingerprint(case.source)


def test_a_stack_that_was_taken_down_can_be_made_again(case: Case) -> None:
    stack = case.make(names=["a"])
    case.provisioner.apply(stack, case.provisioner.plan(stack, Run(), destroy=True), Run())
    again = case.provisioner.plan(replace(stack, variables={"names": ["a", "b"]}), Run())
    assert again.count(Action.CREATE) == 2


def test_what_is_foreseen_cannot_be_applied(case: Case) -> None:
    stack = case.stack(names=["a", "b"])
    plan = case.provisioner.predict(stack, frozenset(), Run())
    assert (plan.fidelity, len(plan.acting), plan.token) == (Fidelity.PREDICTED, 2, "")
    with pytest.raises(BatonError):
        case.provisioner.apply(stack, plan, Run())
    assert list(case.provisioner.resources(stack, Run())) == []


def test_a_stack_is_foreseen_with_a_value_that_nobody_knows(case: Case) -> None:
    plan = case.provisioner.predict(case.stack(names=["a", "b"]), frozenset({"motto"}), Run())
    exact = case.provisioner.plan(case.stack(names=["a", "b"], motto="known now"), Run())
    assert plan.fidelity is Fidelity.PREDICTED
    assert sorted(c.address for c in plan.acting) == sorted(c.address for c in exact.acting)
    same = case.provisioner.predict(case.stack(names=["a", "b"]), frozenset({"motto"}), Run())
    assert plan.digest == same.digest


def test_a_stack_that_stands_is_not_foreseen_over_an_unknown_value_and_says_so(case: Case) -> None:
    case.make(names=["a"])
    plan = case.provisioner.predict(case.stack(names=["a"]), frozenset({"motto"}), Run())
    assert (plan.fidelity, plan.changes, plan.complete) == (Fidelity.NONE, (), False)
    assert "motto" in plan.diagnostics[0].summary


LATE = """
variable "token" {
  sensitive = true
  default   = "canary-4711-token"
}
module "inner" {
  source = "./inner"
}
resource "terraform_data" "host" {
  for_each = toset(["a"])
  input    = module.inner.id
}
resource "terraform_data" "secret" {
  input            = var.token
  triggers_replace = module.inner.id
}
"""
INNER = """
resource "terraform_data" "first" {}
output "id" {
  value = terraform_data.first.id
}
"""


def test_what_was_unknown_is_known_after_the_apply_and_every_change_keeps_its_action(case: Case) -> None:
    if isinstance(case.provisioner, FakeProvisioner):
        world = case.provisioner.world
        world.modules["module"] = replace(world.modules["module"], later=lambda _: {"input": "7"})
    else:
        (case.source / "main.tf").write_text(LATE)
        (case.source / "inner").mkdir()
        (case.source / "inner" / "main.tf").write_text(INNER)
    stack = case.stack()
    plan = case.provisioner.plan(stack, Run())
    assert all("input" in c.unknown for c in plan.changes if ".host" in c.address)
    case.provisioner.apply(stack, plan, Run())
    known = case.provisioner.as_applied(stack, plan, Run())
    assert (known.digest, [(c.address, c.action) for c in known.changes]) == (
        plan.digest,
        [(c.address, c.action) for c in plan.changes],
    )
    assert [c.unknown for c in known.changes] == [() for _ in plan.changes]
    (host,) = (c for c in known.changes if ".host" in c.address or c.address == "host.a")
    assert host.after is not None
    assert host.after["input"]
    assert "canary-4711-token" not in repr(known)
    again = case.provisioner.plan(stack, Run())
    (same,) = (c for c in again.changes if c.address == host.address)
    assert same.after is not None
    assert same.after["input"] == host.after["input"]
