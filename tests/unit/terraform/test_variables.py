"""Variables: known to the module, plain ones by file, secrets by environment."""

import json
import stat
from pathlib import Path

import pytest

from adapters.terraform.configuration import Module, Variable
from adapters.terraform.failures import UnknownVariable
from adapters.terraform.variables import Routed, check, files, remembered, route
from lifecycle.sensitive import Sensitive

MODULE = Module(
    Path("m"),
    variables={
        name: Variable(name, kind)
        for name, kind in (
            ("size", "number"),
            ("password", "string"),
            ("keys", "list"),
            ("loose", ""),
            ("preset", "string"),
        )
    },
    preset=frozenset({"preset"}),
)


def test_a_variable_that_the_module_does_not_declare_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        UnknownVariable, match=r"shop/dev:web: .* no variable 'pasword' \(did you mean 'password'\?\), 'zzz'"
    ) as no:
        check(MODULE, {"pasword": "x", "zzz": 1, "size": 2}, "shop/dev:web")
    assert no.value.hint == "it declares: keys, loose, password, preset, size"


def test_plain_values_go_by_file_and_secrets_by_environment() -> None:
    routed = route(MODULE, {"size": 3, "password": Sensitive("s"), "keys": ["a", Sensitive("b")]})
    assert routed == Routed(plain={"size": 3}, secret={"password": "s", "keys": '["a", "b"]'})


def test_secrets_that_the_environment_cannot_carry_go_by_a_file_that_is_gone_after() -> None:
    routed = route(MODULE, {"loose": {"a": Sensitive("s")}, "preset": Sensitive("t")})
    assert routed.transient == {"loose": {"a": "s"}, "preset": "t"}
    assert routed.secret == {}


def test_no_secret_is_shown() -> None:
    assert "hush" not in repr(route(MODULE, {"password": Sensitive("hush"), "loose": Sensitive(["hush"])}))


def test_the_transient_file_is_private_and_gone_after(tmp_path: Path) -> None:
    kept, transient = tmp_path / "kept.json", tmp_path / "transient.json"
    with files(kept, transient, Routed({"a": "${x}"}, {}, {"b": "s"})) as paths:
        assert paths == [kept, transient]
        assert stat.S_IMODE(transient.stat().st_mode) == 0o600
        assert json.loads(transient.read_text()) == {"b": "s"}
    assert not transient.exists()
    assert remembered(kept) == {"a": "${x}"}


def test_the_transient_file_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    transient = tmp_path / "transient.json"
    with pytest.raises(LookupError), files(tmp_path / "kept.json", transient, Routed(transient={"b": "s"})):
        raise LookupError
    assert not transient.exists()


def test_nothing_is_remembered_before_the_first_plan(tmp_path: Path) -> None:
    assert remembered(tmp_path / "none.json") == {}
