"""The Provisioner port over real Terraform, with resources that need no cloud."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform import failures
from adapters.terraform.workdir import NotEmpty
from lifecycle.environment import EnvironmentRef
from lifecycle.plan import Action, Fidelity
from lifecycle.sensitive import Sensitive

ONE = 'resource "terraform_data" "one" {\n  input = "x"\n}\n'
STACK = """
variable "size" {
  type    = number
  default = 1
}
variable "password" {
  type    = string
  default = ""
}
module "part" {
  source   = "../../modules/part"
  password = var.password
}
resource "terraform_data" "two" {
  count = var.size
  input = module.part.text
}
output "text" {
  value = module.part.text
}
output "password" {
  value     = var.password
  sensitive = true
}
"""
PART = """
variable "password" {}
resource "terraform_data" "one" {
  input = templatefile("${path.module}/../../files/motd.tpl", { name = var.password == "" ? "nobody" : "somebody" })
  provisioner "local-exec" {
    command = "echo made >${path.module}/made-here"
  }
}
output "text" {
  value = terraform_data.one.input
}
"""


@pytest.fixture
def project(desk: Any) -> Any:
    desk.write(STACK)
    desk.write(PART, "modules/part/main.tf")
    desk.write("hello ${name}", "files/motd.tpl")
    return desk


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_stack_lives_from_its_first_plan_to_nothing(project: Any) -> None:
    before = tree(project.folder / "project")

    plan = project.plan()
    assert (plan.applyable, plan.fidelity, plan.destroy, plan.complete, plan.errored) == (
        True, Fidelity.EXACT, False, True, False,
    )  # fmt: skip
    assert {c.address: c.action for c in plan.changes} == {
        "module.part.terraform_data.one": Action.CREATE,
        "terraform_data.two[0]": Action.CREATE,
    }
    assert plan.outputs["text"].value == "hello nobody"

    applied = project.apply(plan)
    assert sorted(applied.changed) == ["module.part.terraform_data.one", "terraform_data.two[0]"]
    assert applied.outputs["text"].value == "hello nobody"
    assert isinstance(applied.outputs["password"].value, Sensitive)
    assert project.outputs()["text"] == "hello nobody"
    assert [kind for kind, _ in project.said if kind.startswith("resource.")].count("resource.finished") == 2
    assert project.resources() == ["terraform_data.two[0]", "module.part.terraform_data.one"]

    again = project.plan()
    assert (again.applyable, again.acting, again.drift) == (False, (), ())
    assert project.apply(again).changed == ()
    assert project.apply(project.plan()).outputs["text"].value == "hello nobody"

    project.given(size=2)
    assert project.apply().changed == ("terraform_data.two[1]",)

    with pytest.raises(NotEmpty, match="3 resources"):
        project.provisioner.forget(project.stack)
    doomed = project.plan(destroy=True)
    assert (doomed.destroy, doomed.count(Action.DELETE), len(doomed.doomed_ids)) == (True, 3, 3)
    assert len(project.apply(doomed).changed) == 3
    assert project.resources() == []
    project.provisioner.forget(project.stack)
    assert list(project.root.iterdir()) == []
    assert tree(project.folder / "project") == before, "the user's tree was written to"


def test_a_stack_that_never_was_has_nothing_and_needs_no_terraform(make_desk: Any) -> None:
    desk = make_desk(binary="no-such-terraform")
    assert desk.resources() == []
    assert desk.outputs() == {}
    plan = desk.plan(destroy=True)
    assert (plan.applyable, plan.destroy, plan.changes) == (False, True, ())
    assert desk.apply(plan).changed == ()
    desk.provisioner.forget(desk.stack)


def test_init_runs_once_and_again_only_when_it_has_to(project: Any) -> None:
    project.apply()
    project.plan()
    assert project.initialised() == 1
    project.write(STACK + ONE)
    project.plan()
    assert project.initialised() == 2
    (project.work / "data" / "modules" / "modules.json").write_text("broken")
    project.plan()
    assert project.initialised() == 3
    project.write("hello again ${name}", "files/motd.tpl")  # no configuration
    project.plan()
    assert project.initialised() == 3


class TestDigest:
    def test_it_is_the_same_for_the_same_plan(self, project: Any) -> None:
        assert project.plan().digest == project.plan().digest
        project.apply()
        assert project.plan().digest == project.plan().digest

    def test_it_changes_with_what_decides_about_the_outcome(self, project: Any) -> None:
        digests = [project.plan().digest]
        project.given(size=2)
        digests.append(project.plan().digest)
        project.given(size=2, password=Sensitive("one"))
        digests.append(project.plan().digest)
        project.given(size=2, password=Sensitive("two"))
        digests.append(project.plan().digest)
        project.write("bye ${name}", "files/motd.tpl")
        digests.append(project.plan().digest)
        project.apply()
        digests += [project.plan().digest, project.plan(destroy=True).digest]
        assert len(set(digests)) == len(digests)


class TestStalePlans:
    def test_a_plan_is_applied_once(self, project: Any) -> None:
        plan = project.plan()
        project.apply(plan)
        with pytest.raises(failures.StalePlan, match="it was applied"):
            project.apply(plan)

    def test_a_changed_plan_file_is_refused(self, project: Any) -> None:
        plan = project.plan()
        with Path(plan.token).open("ab") as file:
            file.write(b"x")
        with pytest.raises(failures.StalePlan, match="its file was changed"):
            project.apply(plan)
        assert project.resources() == []

    def test_a_state_that_moved_on_is_refused_by_terraform(self, project: Any) -> None:
        project.apply()
        project.given(size=2)
        plan = project.plan()
        state = json.loads((project.work / "terraform.tfstate").read_text())
        state["serial"] += 1
        (project.work / "terraform.tfstate").write_text(json.dumps(state))
        with pytest.raises(failures.StalePlan, match="Saved plan is stale"):
            project.apply(plan)

    def test_a_plan_is_good_for_its_own_environment_only(self, project: Any) -> None:
        plan = project.plan()
        other = replace(project.stack, environment=EnvironmentRef("shop", "prod"))
        with pytest.raises(failures.StalePlan, match="not made here"):
            project.provisioner.apply(other, plan, project.run())


class TestSecrets:
    SECRET = "correct horse ${battery}"

    @pytest.fixture
    def recorded(self, make_desk: Any, tmp_path: Path) -> Any:
        """A desk whose terraform writes down its arguments first."""
        wrapper = tmp_path / "terraform"
        wrapper.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec terraform "$@"\n')
        wrapper.chmod(0o755)
        return make_desk(binary=str(wrapper))

    @pytest.mark.parametrize("preset", [False, True], ids=["by environment", "beside a tfvars file that sets it too"])
    def test_a_secret_arrives_and_is_shown_nowhere(self, recorded: Any, tmp_path: Path, preset: bool) -> None:
        recorded.write(
            'variable "password" {}\nresource "terraform_data" "a" {\n  input = var.password\n}\n'
            'output "length" {\n  value = length(var.password)\n}\n'
        )
        if preset:
            recorded.write('password = "from the module"\n', "stacks/web/terraform.tfvars")
        recorded.given(password=Sensitive(self.SECRET))
        plan = recorded.plan()
        applied = recorded.apply(plan)
        assert applied.outputs["length"].value == len(self.SECRET)
        shown = [repr(plan), repr(applied), repr(recorded.said), (tmp_path / "arguments").read_text()]
        assert not [text for text in shown if "correct horse" in text]
        assert "correct horse" not in (recorded.work / "variables.tfvars.json").read_text()
        holding = [
            path
            for path in recorded.work.rglob("*")
            if path.is_file() and "correct horse" in path.read_text(errors="replace")
        ]
        assert {path.name for path in holding} <= {"terraform.tfstate", "terraform.tfstate.backup"}
        assert stat.S_IMODE(recorded.work.stat().st_mode) == 0o700

    def test_a_secret_in_an_error_is_masked(self, desk: Any) -> None:
        desk.write(
            'variable "password" {}\nresource "terraform_data" "a" {\n  provisioner "local-exec" {\n'
            '    command = "echo ${var.password} >&2; exit 1"\n  }\n}\n'
        )
        desk.given(password=Sensitive("hush-hush-hush"))
        with pytest.raises(failures.ResourceFailed) as failed:
            desk.apply()
        assert "***" in failed.value.message
        assert "hush-hush" not in repr((failed.value.message, failed.value.diagnostics, desk.said))

    def test_structures_with_secrets_arrive_as_structures(self, desk: Any) -> None:
        desk.write(
            'variable "typed" {\n  type = map(string)\n}\nvariable "loose" {}\n'
            'output "o" {\n  value = "${var.typed.key}/${var.loose.list[1]}"\n}\n'
        )
        desk.given(typed={"key": Sensitive("a ${b}")}, loose={"list": [1, Sensitive("two")]})
        assert desk.apply().outputs["o"].value == "a ${b}/two"


class TestProblems:
    def test_a_variable_that_the_module_does_not_declare_is_named_with_a_suggestion(self, project: Any) -> None:
        project.given(sise=2)
        with pytest.raises(failures.UnknownVariable, match=r"'sise' \(did you mean 'size'\?\)"):
            project.plan()

    def test_a_missing_variable_is_named(self, desk: Any) -> None:
        desk.write('variable "size" {}\n')
        with pytest.raises(failures.MissingVariable, match='"size" is not set'):
            desk.plan()

    def test_bad_syntax_is_told_with_the_users_file_and_line_and_column(self, project: Any) -> None:
        project.write('resource "terraform_data" {\n}\n', "modules/part/main.tf")
        where = project.folder / "project" / "modules" / "part" / "main.tf"
        with pytest.raises(failures.ConfigurationInvalid) as wrong:
            project.plan()
        assert wrong.value.facts["where"].startswith(f"{where}:1:")
        (problem, *_) = project.provisioner.validate(project.stack, project.run())
        assert problem.where.startswith(f"{where}:1:")

    def test_validate_finds_what_needs_the_providers_schema(self, desk: Any) -> None:
        desk.write(ONE.replace("input", "inptu"))
        (problem,) = desk.provisioner.validate(desk.stack, desk.run())
        assert (problem.summary, problem.where) == (
            "Unsupported argument",
            f"{desk.folder}/project/stacks/web/main.tf:2:3",
        )

    def test_a_valid_module_has_no_problems(self, project: Any) -> None:
        assert list(project.provisioner.validate(project.stack, project.run())) == []

    def test_a_failed_apply_keeps_what_was_made_and_the_next_one_goes_on(self, desk: Any) -> None:
        fails = 'resource "terraform_data" "b" {\n  input = terraform_data.one.id\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
        desk.write(ONE + fails)
        with pytest.raises(failures.ResourceFailed, match="exit status 3"):
            desk.apply()
        assert "terraform_data.one" in desk.resources()
        desk.write(ONE + fails.replace("exit 3", "true"))
        assert desk.apply().changed.count("terraform_data.one") == 0
        assert not desk.plan().applyable

    def test_what_would_change_the_meaning_is_ignored_and_said_once(self, make_desk: Any) -> None:
        desk = make_desk(inherited={"TF_CLI_ARGS_plan": "-destroy", "TF_VAR_size": "9", "TF_WORKSPACE": "other"})
        desk.write('variable "size" {\n  default = 1\n}\noutput "size" {\n  value = var.size\n}\n')
        assert desk.apply().outputs["size"].value == 1
        assert desk.outputs() == {"size": 1}
        told = [message for kind, message in desk.said if kind == "environment.ignored"]
        assert len(told) == 1
        assert "TF_CLI_ARGS_plan, TF_VAR_size, TF_WORKSPACE" in told[0]


def test_a_destroy_remembers_the_variables_whose_source_is_gone(desk: Any) -> None:
    desk.write('variable "name" {}\nresource "terraform_data" "a" {\n  input = var.name\n}\n')
    desk.given(name="x")
    desk.apply()
    desk.given()
    assert desk.destroy().changed == ("terraform_data.a",)


def test_drift_is_told_beside_what_heals_it(desk: Any) -> None:
    desk.write(
        'resource "terraform_data" "a" {}\nresource "terraform_data" "b" {\n  triggers_replace = terraform_data.a.id\n}\n'
    )
    desk.apply()
    state = desk.work / "terraform.tfstate"
    recorded = json.loads(state.read_text())
    recorded["resources"] = [r for r in recorded["resources"] if r["name"] == "b"]
    state.write_text(json.dumps(recorded))
    plan = desk.plan()
    assert {c.address: c.action for c in plan.changes} == {
        "terraform_data.a": Action.CREATE,
        "terraform_data.b": Action.REPLACE,
    }
    (replaced,) = (c for c in plan.changes if c.action is Action.REPLACE)
    assert replaced.replace_paths == ("triggers_replace",)
    assert replaced.physical_id in plan.doomed_ids


def test_environments_do_not_touch_each_other(project: Any) -> None:
    project.apply()
    prod = replace(project.stack, environment=EnvironmentRef("shop", "prod"))
    run = project.run()
    assert project.provisioner.plan(prod, run).count(Action.CREATE) == 2
    assert list(project.provisioner.resources(prod, run)) == []
