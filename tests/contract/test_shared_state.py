"""Where several machines share the store, no stack's state may lie on one of them, unless the settings allow it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.backend import StateNotShared
from adapters.registry import Registry
from adapters.settings import SettingsInvalid, load
from lifecycle.blueprint import load as blueprint_of
from lifecycle.errors import ExitCode
from tests.support.stores import new_postgresql_url

BLUEPRINT = "blueprint: 1\nname: shop\nstacks: {web: {source: ./web}, data: {source: ./data}}\n"
BUCKET = "backend: {s3: {bucket: acme-states}}\n"
Open = Callable[..., None]


@pytest.fixture
def open_ports(postgresql_server: Path, tmp_path: Path) -> Open:
    """Open a blueprint's ports as a run does, with these settings; `web` names no backend, `data` its own."""
    modules = {"web": "", "data": 'terraform {\n  backend "s3" {\n    bucket = "theirs"\n  }\n}\n'}
    for name, text in modules.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(f'{text}output "x" {{\n  value = 1\n}}\n')
    url = new_postgresql_url(postgresql_server)

    def open_(blueprint: str = BLUEPRINT, store: str = url, **settings: str) -> None:
        given = {"BATON_HOME": str(tmp_path / "home"), "BATON_CLOUD": "http://127.0.0.1:9", "BATON_STORE": store}
        registry = Registry.open(load(given | {f"BATON_{k.upper()}": v for k, v in settings.items()}))
        try:
            with registry.ports(lambda _: None, tmp_path, blueprint_of(blueprint)):
                pass
        finally:
            registry.close()

    return open_


def test_a_state_that_others_would_not_find_is_refused_before_anything_is_done(open_ports: Open) -> None:
    with pytest.raises(StateNotShared, match=r"would not find the state of: web$") as error:
        open_ports()
    assert error.value.exit_code is ExitCode.USAGE
    assert "BATON_BACKEND=s3://" in error.value.hint
    assert "BATON_LOCAL_STATE=allow" in error.value.hint


def test_a_bucket_the_modules_own_backend_or_the_setting_lets_it_run(open_ports: Open) -> None:
    open_ports(backend="s3://acme-states")
    open_ports(BLUEPRINT + BUCKET)
    open_ports("blueprint: 1\nname: shop\nstacks: {data: {source: ./data}}\n")
    open_ports(local_state="allow")


def test_a_store_of_one_machine_needs_no_bucket(open_ports: Open, tmp_path: Path) -> None:
    open_ports(store=f"sqlite:///{tmp_path / 'baton.db'}")


def test_a_wrong_setting_is_said(open_ports: Open) -> None:
    with pytest.raises(SettingsInvalid, match="neither refuse nor allow"):
        open_ports(local_state="yes")
