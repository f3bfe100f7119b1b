"""Another AWS-compatible endpoint is a setting: the minimal example's network, applied against LocalStack."""

import shutil
from pathlib import Path

import yaml

from tests.support.sshd import make_key
from tests.support.terraform import ROOT, RootModule, emulator

NETWORK = "-target=module.network"
NOT_NETWORK = {"aws_instance", "aws_key_pair", "terraform_data"}


def test_the_minimal_examples_network_can_be_built_on_localstack(endpoint: str, tmp_path: Path) -> None:
    for folder in ("terraform", "examples/minimal"):  # a copy: Terraform writes its lock file beside the root module
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder, ignore=shutil.ignore_patterns(".terraform*"))
    given = {"TF_VAR_name": "minimal-localstack", "TF_VAR_ssh_public_key": make_key(tmp_path / "key")}
    root = RootModule(tmp_path / "copy/examples/minimal/terraform", tmp_path, emulator(endpoint) | given)
    root.run("init", "-no-color")

    root.run("apply", "-auto-approve", "-no-color", NETWORK)
    built = root.resources()
    again = root.run("plan", "-no-color", "-detailed-exitcode", NETWORK)
    root.run("destroy", "-auto-approve", "-no-color", NETWORK)

    print(f"\nLocalStack: built, unchanged by a second plan, destroyed: {dict(sorted(built.items()))}")
    expected = yaml.safe_load((ROOT / "examples/minimal/expectations.yaml").read_text())["resources"]
    assert built == {kind: count for kind, count in expected.items() if kind not in NOT_NETWORK}
    assert "No changes" in again
    assert not root.resources()
