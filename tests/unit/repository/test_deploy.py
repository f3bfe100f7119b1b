"""What `deploy/` holds is what systemd, the compose specification and Prefect understand."""

import shutil
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.settings import Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
OTHERS = {
    "HOME",
    "DO_NOT_TRACK",
    "PYTHONSAFEPATH",
    "PREFECT_SERVER_ENCRYPTION_KEY",  # read from the environment, and no setting
    "PREFECT_REDIS_MESSAGING_URL",  # prefect-redis's own
}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze on this machine")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    assert [u.name for u in UNITS] == ["baton-server.service", "baton-services.service", "baton-worker@.service"]
    program = tmp_path / "prefect"
    program.write_text("#!/bin/sh\n")
    program.chmod(stat.S_IRWXU)
    for unit in UNITS:
        text = unit.read_text()
        for name in ("prefect", "python"):
            text = text.replace(f"/opt/baton/bin/{name} ", f"{program} ")
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / u.name.replace("@.", "@1.")) for u in UNITS]
    (tmp_path / "baton-worker@1.service").write_text((tmp_path / "baton-worker@.service").read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, timeout=60, check=False
    )
    about_ours = [line for line in done.stderr.splitlines() if "baton-" in line]
    assert about_ours == []


def test_a_wrong_unit_would_be_found(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze on this machine")
    (tmp_path / "baton-wrong.service").write_text("[Service]\nExecStart=/bin/true\nKillSignl=SIGINT\n")
    argv = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "baton-wrong.service")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert "KillSignl" in done.stderr


def test_the_compose_file_is_one() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    argv = [str(checker), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_waits_for_what_it_needs() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {"postgres", "redis", "migrate", "server", "services", "worker"}
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for {needed} for ever"


@pytest.mark.parametrize("name", ["server.env", "worker.env"])
def test_every_setting_exists(name: str) -> None:
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_valid_setting_names

    lines = [line for line in (DEPLOY / name).read_text().splitlines() if line and not line.startswith("#")]
    given = [line.partition("=")[0] for line in lines]
    known = _get_valid_setting_names(PrefectSettings) | {f"BATON_{f.name.upper()}" for f in fields(Settings)} | OTHERS
    assert [one for one in given if one not in known] == []
    assert len(given) == len(set(given))
