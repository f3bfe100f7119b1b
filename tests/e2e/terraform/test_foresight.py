"""Stacks that are foreseen through a module that calls them: what Terraform can say of unknown values, and what it cannot."""

from pathlib import Path

import pytest

from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.failures import TerraformFailed
from lifecycle.environment import EnvironmentRef
from lifecycle.plan import Fidelity
from lifecycle.ports import Run, StackSpec
from lifecycle.sensitive import Sensitive

MODULE = """
variable "count_of" { default = 1 }
variable "names" {
  type    = set(string)
  default = ["a"]
}
variable "address" {}
variable "password" { default = "" }
variable "preset" {}

resource "terraform_data" "many" {
  count = var.count_of
  input = var.address
}
resource "terraform_data" "each" {
  for_each = var.names
  input    = "${var.preset} ${each.key}"
}
resource "terraform_data" "secret" {
  input = var.password
}
module "child" {
  source  = "./child"
  address = var.address
}
output "first" { value = terraform_data.many[*].id }
"""
CHILD = 'variable "address" {}\nresource "terraform_data" "inner" { input = var.address }\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    module = tmp_path / "module"
    (module / "child").mkdir(parents=True)
    (module / "main.tf").write_text(MODULE)
    (module / "child" / "main.tf").write_text(CHILD)
    (module / "given.auto.tfvars").write_text('preset = "from a file"\n')
    return module


@pytest.fixture
def provisioner(tmp_path: Path) -> TerraformProvisioner:
    return TerraformProvisioner(tmp_path / "root", b"key")


def stack(source: Path, **variables: object) -> StackSpec:
    return StackSpec(EnvironmentRef("shop", "dev"), "front", source, variables)


def test_addresses_and_places_are_the_stacks_own(provisioner: TerraformProvisioner, source: Path) -> None:
    plan = provisioner.predict(stack(source), frozenset({"address"}), Run())
    assert sorted(c.address for c in plan.acting) == [
        "module.child.terraform_data.inner",
        'terraform_data.each["a"]',
        "terraform_data.many[0]",
        "terraform_data.secret",
    ]
    (many,) = (c for c in plan.acting if c.address == "terraform_data.many[0]")
    assert many.where.endswith("module/main.tf:11")
    assert "input" in many.unknown
    (each,) = (c for c in plan.acting if "each" in c.address)
    assert each.after is not None
    assert each.after["input"] == "from a file a"


@pytest.mark.parametrize("name", ["count_of", "names"])
def test_how_many_there_are_cannot_be_foreseen_and_that_is_said(
    provisioner: TerraformProvisioner, source: Path, name: str
) -> None:
    plan = provisioner.predict(stack(source, address="x"), frozenset({name}), Run())
    assert (plan.fidelity, plan.acting) == (Fidelity.NONE, ())
    assert "depends on" in plan.diagnostics[0].summary


def test_what_is_wrong_for_another_reason_fails(provisioner: TerraformProvisioner, source: Path) -> None:
    (source / "broken.tf").write_text('resource "terraform_data" "x" { input = nothing.at.all }\n')
    with pytest.raises(TerraformFailed):
        provisioner.predict(stack(source), frozenset({"address"}), Run())


def test_a_secret_is_in_no_file_afterwards(provisioner: TerraformProvisioner, source: Path, tmp_path: Path) -> None:
    password = "correct horse battery staple"
    plan = provisioner.predict(stack(source, password=Sensitive(password)), frozenset({"address"}), Run())
    assert password not in repr(plan)
    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if password.encode() in path.read_bytes()] == []
    assert [path.name for path in (tmp_path / "root").rglob("foresight/*")] == ["data"]
