"""What is known of a module without running Terraform."""

import json
from pathlib import Path

import pytest

from adapters.terraform.configuration import NoModule, attribute, blocks, fingerprint, module_tree, read_module

TRICKY = """
# variable "commented" {}
/* variable "commented_too" {
} */
variable "plain" {}
variable "typed" { // one line
  type    = list(object({ name = string, open = optional(bool, true) }))
  default = [
    { name = "a}b", open = false },   # a brace in a string
  ]
}
variable "secret" {
  type        = string
  description = <<-EOT
    variable "in_a_heredoc" { default = "x" }
  EOT
  sensitive   = true
  validation {
    condition     = length("${var.secret}${"}"}") > 1
    error_message = "default = none"
  }
}
locals { variable = { x = "variable \\"quoted\\" {" } }
terraform {
  required_version = ">= 1.5"
  backend "s3" {
    key = "x"
  }
}
module "near" {
  source = "../modules/near"
}
module "far" {
  source  = "hashicorp/consul/aws" # the registry
  version = "1.0"
}
"""


def module(path: Path, text: str = TRICKY, name: str = "main.tf") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    return path


def test_variables_are_found_where_they_are_and_nowhere_else(tmp_path: Path) -> None:
    found = read_module(module(tmp_path)).variables
    assert sorted(found) == ["plain", "secret", "typed"]
    assert (found["plain"].type, found["plain"].required) == ("", True)
    assert (found["typed"].type, found["typed"].required) == ("list", False)
    assert (found["secret"].type, found["secret"].required, found["secret"].sensitive) == ("string", True, True)


def test_the_backend_and_the_sources_of_child_modules_are_found(tmp_path: Path) -> None:
    found = read_module(module(tmp_path / "stack"))
    assert found.backend == "s3"
    assert found.sources == ("../modules/near", "hashicorp/consul/aws")
    assert found.local_children == (tmp_path / "modules" / "near",)


def test_the_json_syntax_is_read_too(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "variable": {"a": {"type": "number"}, "b": [{"type": "string", "default": "", "sensitive": True}]},
            "module": {"m": {"source": "./m"}},
            "terraform": [{"backend": {"http": {}}}],
        }
    )
    found = read_module(module(tmp_path, text, "main.tf.json"))
    assert found.variables["a"].type == "number"
    assert found.variables["a"].required
    assert found.variables["b"].sensitive
    assert not found.variables["b"].required
    assert (found.backend, found.sources) == ("http", ("./m",))


def test_terraform_cloud_counts_as_a_backend(tmp_path: Path) -> None:
    assert read_module(module(tmp_path, 'terraform {\n  cloud {\n    organization = "o"\n  }\n}\n')).backend == "cloud"


def test_variables_that_files_of_the_module_set_are_known(tmp_path: Path) -> None:
    module(tmp_path, 'password = "x"\n# size = 3\nmap = {\n  inner = 1\n}\n', "terraform.tfvars")
    module(tmp_path, '{"count_of": 1}', "b.auto.tfvars.json")
    module(tmp_path, "ignored = 1\n", "prod.tfvars")
    assert read_module(module(tmp_path)).preset == {"password", "map", "count_of"}


def test_a_broken_file_does_not_stop_the_reading(tmp_path: Path) -> None:
    module(tmp_path, '{"variable": ', "broken.tf.json")
    assert (
        "plain"
        in read_module(module(tmp_path, 'variable "plain" {}\nvariable "open" {\n  default = "', "main.tf")).variables
    )


def test_a_directory_without_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoModule, match="there is no"):
        read_module(tmp_path)
    with pytest.raises(NoModule, match="no directory"):
        read_module(tmp_path / "nowhere")


def test_the_tree_holds_local_modules_of_local_modules_and_survives_circles(tmp_path: Path) -> None:
    root = module(tmp_path / "stack", 'module "a" {\n  source = "../a"\n}\n')
    module(tmp_path / "a", 'module "b" {\n  source = "./b"\n}\nmodule "s" {\n  source = "../stack"\n}\n')
    module(tmp_path / "a" / "b", "")
    assert [m.path for m in module_tree(root)] == [root, tmp_path / "a", tmp_path / "a" / "b"]


def test_nested_blocks_and_attributes_are_told_apart() -> None:
    (block,) = blocks('resource "x" "y" {\n  inner {\n    name = "deep"\n  }\n  name = "top"\n}\n')
    assert block.labels == ("x", "y")
    assert attribute(block.body, "name") == '"top"'
    assert attribute(block.body, "absent") == ""


class TestFingerprint:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        module(tmp_path / "child", "")
        (tmp_path / "child" / "script.tpl").write_text("one")
        return module(tmp_path / "stack", 'module "c" {\n  source = "../child"\n}\n')

    def test_it_is_the_same_for_the_same_tree_elsewhere(self, root: Path, tmp_path: Path) -> None:
        before = fingerprint(root)
        elsewhere = tmp_path / "elsewhere"
        module(elsewhere / "child", "")
        (elsewhere / "child" / "script.tpl").write_text("one")
        module(elsewhere / "stack", 'module "c" {\n  source = "../child"\n}\n')
        assert fingerprint(elsewhere / "stack") == before

    @pytest.mark.parametrize("name", ["stack/main.tf", "child/script.tpl", "stack/terraform.tfvars", "child/new.txt"])
    def test_it_changes_with_every_file_that_the_module_reaches(self, root: Path, tmp_path: Path, name: str) -> None:
        before = fingerprint(root)
        with (tmp_path / name).open("a") as file:
            file.write("\n")
        assert fingerprint(root) != before

    @pytest.mark.parametrize(
        "name", [".terraform/x", "terraform.tfstate", "terraform.tfstate.backup", "saved.tfplan", ".git/x"]
    )
    def test_it_does_not_change_with_terraforms_own_files(self, root: Path, name: str) -> None:
        before = fingerprint(root)
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
        assert fingerprint(root) == before
