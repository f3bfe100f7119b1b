"""A plain user with delegated ids gets the same cloud; one without them gets a sentence that says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
USER, UID, GID = "games", 5, 60  # on every Debian, with no ids delegated

SCRIPT = """
set -eu
python=$1 home=$2 delegated=$3
[ -z "$delegated" ] || for file in subuid subgid; do mount --bind "$delegated" /etc/$file; done
export HOME="$home" BATON_CLOUD_HOME="$home/cloud" BATON_CACHE="$home/cache" PYTHONPATH="$4"
cloud() { setpriv --reuid=5 --regid=60 --clear-groups "$python" -m local_cloud "$@"; }
cd /
cloud up
trap 'cloud down' EXIT
setpriv --reuid=5 --regid=60 --clear-groups "$python" - <<'PYTHON'
import json, os, time, boto3
known = json.load(open(os.environ["BATON_CLOUD_HOME"] + "/cloud.json"))
ec2 = boto3.client("ec2", endpoint_url=known["endpoint_url"], region_name=known["region"],
                   aws_access_key_id=known["access_key"], aws_secret_access_key=known["secret_key"])
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
ec2.run_instances(ImageId="ami-0debian12bookworm0", MinCount=1, MaxCount=1, SubnetId=subnet)
while ec2.describe_instances()["Reservations"][0]["Instances"][0]["State"]["Name"] == "pending":
    time.sleep(0.05)
PYTHON
cloud ls
cloud exec 10.0.1.4 -- sh -c 'echo "inside: $(id -un) on $(hostname)"'
"""


def reachable_python() -> str:
    """An interpreter that another user can run (one below /root is not), of the same version as ours."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        # through a shell: setpriv itself may still open what its user may not
        check = ["sh", "-c", f"exec {candidate} -c 'import sys; print(sys.version_info[:2])'"]
        done = subprocess.run(
            ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", *check],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and done.stdout.strip() == str(sys.version_info[:2]):
            return candidate
    pytest.skip("no Python of this version that another user may run")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the plain user's own, with the base image in its cache (the tarball is the same for everybody)."""
    if os.geteuid() != 0:
        pytest.skip("run as root: a plain user runs every other test of this folder as one already")
    if not shutil.which("newuidmap"):
        pytest.skip("no newuidmap: apt-get install uidmap")
    folder = Path("/var/tmp") / f"baton-plain-{os.getpid()}"
    for image in (Path(os.environ["BATON_CACHE"]) / "images").glob("*/base.tar"):
        copy = folder / "cache/images" / image.parent.name
        copy.mkdir(parents=True)
        shutil.copy(image, copy)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UID, GID)
    yield folder
    shutil.rmtree(folder)


def run(home: Path, delegated: str) -> subprocess.CompletedProcess[str]:
    packages = f"{CHECKOUT}:{sysconfig.get_path('purelib')}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", reachable_python(), str(home), delegated, packages],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.usefixtures("cloud")  # it has built the image
def test_a_plain_user_with_delegated_ids_has_the_same_cloud(home: Path) -> None:
    delegated = home / "delegated"
    delegated.write_text(f"{USER}:300000:65536\n")
    done = run(home, str(delegated))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10.0.1.4" in done.stdout
    assert "inside: root on ip-10-0-1-4" in done.stdout
    assert "the local cloud is down" in done.stdout
    assert not any((home / "cloud/hosts").iterdir())


@pytest.mark.usefixtures("cloud")
def test_a_plain_user_without_delegated_ids_is_told_what_is_missing(home: Path) -> None:
    done = run(home, "")
    assert done.returncode == 1
    assert "needs 65536 user and group ids for games" in done.stderr
    assert "usermod --add-subuids" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        ("echo 0 >/proc/sys/user/max_user_namespaces", "did not give the local cloud namespaces"),
        ("true", "may not use the user ids"),
    ],
)
@pytest.mark.usefixtures("cloud")
def test_a_machine_that_cannot_run_it_says_why_in_one_sentence(tmp_path: Path, obstacle: str, reason: str) -> None:
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", f"{obstacle}; exec {sys.executable} -m local_cloud up"],
        cwd=CHECKOUT,
        env={**os.environ, "BATON_CLOUD_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert reason in done.stderr
    assert "AWS-compatible endpoint serves too" in done.stderr
    assert "Traceback" not in done.stderr
