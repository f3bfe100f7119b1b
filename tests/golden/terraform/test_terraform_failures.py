"""What real Terraform says when it fails (record.py), and the one error that each of it becomes."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform import failures, parse
from adapters.terraform.events import Listener
from adapters.terraform.failures import TerraformFailed, classify
from lifecycle.errors import ExitCode
from lifecycle.scrub import Scrubber

HERE = Path(__file__).parent
SAMPLES = sorted((HERE / "failures").glob("*.json"))
SOURCE = Path("stacks/web")
RAISED_BY_US = {"BucketMissing", "SharedState", "TerraformTimedOut", "TerraformFailed"}
"""Classes that are no reading of Terraform's words."""


def classified(path: Path) -> TerraformFailed:
    """As the session does it."""
    sample: dict[str, Any] = json.loads(path.read_text())
    listener = Listener(lambda *_, **__: None, SOURCE, Scrubber())
    stderr = "\n".join(sample["stderr"])
    if sample["command"] == "validate":
        listener.diagnostics += parse.validation("\n".join(sample["stdout"]).encode(), SOURCE, Scrubber())
    else:
        for line in sample["stdout"]:
            listener(line)
    said = [*listener.diagnostics, *parse.text_diagnostics(stderr, SOURCE, Scrubber())]
    stage = "apply" if sample["command"] == "apply" else ""
    return classify(said, stderr, subject="shop/dev:web", command=sample["command"], stage=stage)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_real_failure_becomes_its_error(path: Path) -> None:
    expected = json.loads((HERE / "expected_failures.json").read_text())[path.stem]
    error = classified(path)
    assert {"error": type(error).__name__, "message": error.message, "facts": dict(error.facts)} == expected
    assert error.hint or isinstance(
        error, failures.ConfigurationInvalid | failures.UnknownVariable | failures.PreconditionFailed
    )


def test_every_sample_has_an_expectation_and_the_other_way_round() -> None:
    assert sorted(json.loads((HERE / "expected_failures.json").read_text())) == [path.stem for path in SAMPLES]


def test_every_error_class_has_a_real_sample_or_is_ours_alone() -> None:
    every = {
        kind.__name__
        for kind in vars(failures).values()
        if isinstance(kind, type) and issubclass(kind, TerraformFailed)
    }
    assert every - {type(classified(path)).__name__ for path in SAMPLES} == RAISED_BY_US


def test_what_nobody_knows_keeps_terraforms_own_words() -> None:
    error = classify([], "the moon is in the wrong house\n", subject="shop/dev:web", command="plan")
    assert type(error) is TerraformFailed
    assert error.message == "shop/dev:web: terraform plan: the moon is in the wrong house"


def test_a_locked_state_and_a_stale_plan_end_with_the_exit_code_for_it() -> None:
    assert failures.StateLocked.exit_code is ExitCode.LOCKED
    assert failures.StalePlan.exit_code is ExitCode.LOCKED
