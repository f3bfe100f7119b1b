import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from lifecycle.sensitive import Sensitive, contains_sensitive, mask, reveal

SECRET = Sensitive("hunter2")


@pytest.mark.parametrize("shown", [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET:>10}", repr([SECRET])])
def test_a_secret_is_never_shown(shown: str) -> None:
    assert "hunter2" not in shown
    assert "***" in shown


def test_a_secret_is_given_back_only_when_asked_for() -> None:
    assert SECRET.reveal() == "hunter2"
    assert Sensitive(Sensitive("hunter2")).reveal() == "hunter2"


def test_a_secret_is_not_written_as_json_or_pickled_by_accident() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": SECRET})
    with pytest.raises(TypeError, match="reference"):
        pickle.dumps(SECRET)


def test_a_secret_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SECRET._value = "other"
    with pytest.raises(AttributeError):
        del SECRET._value


def test_secrets_are_equal_by_value_and_never_equal_to_the_value_itself() -> None:
    assert Sensitive("a") == Sensitive("a")
    assert Sensitive("a") != Sensitive("b")
    assert Sensitive("a") != "a"
    assert len({Sensitive("a"), Sensitive("a")}) == 1
    with pytest.raises(TypeError):
        hash(Sensitive(["a"]))


def test_a_copy_of_a_secret_stays_a_secret() -> None:
    @dataclass(frozen=True)
    class Holder:
        secret: Sensitive

    assert copy.deepcopy([SECRET]) == [SECRET]
    assert copy.copy(SECRET) is SECRET
    assert str(asdict(Holder(SECRET))) == "{'secret': ***}"


NESTED = {"a": [1, {"b": (SECRET, "x")}], SECRET: {"set": {1}}}


def test_secrets_are_found_masked_and_revealed_at_every_depth() -> None:
    assert contains_sensitive(NESTED)
    assert not contains_sensitive({"a": [1, ("x",)]})
    assert mask(NESTED) == {"a": [1, {"b": ("***", "x")}], "***": {"set": {1}}}
    assert reveal(NESTED) == {"a": [1, {"b": ("hunter2", "x")}], "hunter2": {"set": {1}}}
    assert reveal(Sensitive([Sensitive("inner")])) == ["inner"]


def test_masking_leaves_the_original_as_it_was() -> None:
    original = [SECRET]
    mask(original)
    assert original == [SECRET]
