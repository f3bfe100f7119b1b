import pickle

import pytest

from lifecycle.errors import BatonError, ExitCode
from lifecycle.scrub import Scrubber


class LostError(BatonError):
    """The way is
    lost.

    This part is for those who read the code.
    """

    exit_code = ExitCode.LOCKED


def test_the_docstring_is_the_message_when_none_is_given() -> None:
    assert str(LostError()) == "The way is lost."
    assert str(LostError("elsewhere")) == "elsewhere"


def test_a_class_without_a_docstring_says_what_its_base_says() -> None:
    class SilentError(LostError):
        pass

    assert SilentError().message == "The way is lost."
    assert SilentError().exit_code is ExitCode.LOCKED


def test_facts_cannot_be_changed_and_are_a_copy() -> None:
    facts = {"a": 1}
    error = BatonError("x", hint="do y", facts=facts)
    facts["a"] = 2
    assert error.facts == {"a": 1}
    with pytest.raises(TypeError):
        error.facts["a"] = 3  # type: ignore[index]


def test_an_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(LostError("x", hint="do y", facts={"a": 1})))
    assert (type(error), error.message, error.hint, dict(error.facts)) == (LostError, "x", "do y", {"a": 1})


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_a_meaning(code: ExitCode) -> None:
    assert code.meaning


def test_exit_codes_are_those_that_the_documentation_names() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "CHANGES": 2,
        "POLICY_DENIED": 3,
        "APPROVAL_NEEDED": 4,
        "LOCKED": 5,
        "VERIFICATION_FAILED": 6,
        "USAGE": 64,
        "CRASHED": 70,
        "TIMED_OUT": 124,
        "INTERRUPTED": 130,
    }


def test_what_an_error_says_can_be_scrubbed() -> None:
    error = BatonError("a secret", hint="the secret", facts={"said": ["secret"], "code": 5})
    error.scrub(Scrubber(["secret"]).value)
    assert (error.message, str(error), error.hint, error.facts) == (
        "a ***",
        "a ***",
        "the ***",
        {"said": ["***"], "code": 5},
    )
