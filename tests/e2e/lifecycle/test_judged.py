"""A rule that no plan can decide, on a real stack: the image of the host is known only once it was made."""

import pytest

from tests.e2e.lifecycle.conftest import Baton

pytestmark = [pytest.mark.timeout(1500), pytest.mark.long]
UP = ("up", "examples/minimal", "--env", "judged", "--json")


def test_what_turns_out_wrong_after_the_apply_ends_the_run_with_3_and_stands_until_somebody_says_otherwise(
    baton: Baton,
) -> None:
    blueprint = baton.directory / "examples" / "minimal" / "blueprint.yaml"
    plain = blueprint.read_text()
    blueprint.write_text(f"{plain}\npolicy: {{rules: {{images: {{allow: [ami-approved-*]}}}}}}\n")
    denied = baton(*UP, check=False, timeout=1500)
    assert denied.code == 3, denied.err
    assert denied.finished("judge") == ["judge:main"]
    assert len(denied.finished("apply")) == 1
    assert denied.finished("verify") == []
    (error,) = denied.of("error")
    for words in (
        "terraform/modules/hosts/main.tf:",
        "images",
        'module.hosts.aws_instance.this["web-1"]',
        "ami is ami-",
    ):
        assert words in error["message"]
    for words in ("use one of ami-approved-*", "stands already", "baton down minimal/judged", "baton up"):
        assert words in error["hint"]
    blueprint.write_text(f"{plain}\npolicy: {{rules: {{images: {{allow: [ami-*]}}}}}}\n")
    mended = baton(*UP, timeout=1500)
    assert mended.result["phase"] == "ready"
    assert (
        mended.finished("apply") == mended.finished("judge") == []
    )  # nothing is made again, and the plan knows everything
    assert baton("down", "minimal/judged", timeout=1500).code == 0
