"""`baton prices` as somebody types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from adapters.prices.reader import read

OFFERS = Path(__file__).parent / "offers"


def baton(home: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    environ = os.environ | {"BATON_HOME": str(home), "NO_COLOR": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "baton", *words], check=False, capture_output=True, text=True, env=environ, timeout=60
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_a_type_is_shown_with_the_kinds_that_it_is_priced_by(tmp_path: Path) -> None:
    code, out, _ = baton(tmp_path, "prices", "show", "aws_ebs_volume", "--region", "eu-west-1", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {row["kind"] for row in rows} == {"volume", "volume_iops", "volume_throughput"}
    assert {"type": "price", "region": "eu-west-1", "kind": "volume", "name": "gp3", "price": "0.088"}.items() <= next(
        row for row in rows if row["name"] == "gp3"
    ).items()


def test_what_costs_nothing_or_depends_on_use_is_said_so(tmp_path: Path) -> None:
    assert "aws_vpc costs nothing in itself" in baton(tmp_path, "prices", "show", "aws_vpc")[1]
    assert "aws_s3_bucket depends on use" in baton(tmp_path, "prices", "show", "aws_s3_bucket")[1]


def test_what_has_no_price_is_wrong_usage(tmp_path: Path) -> None:
    code, _, error = baton(tmp_path, "prices", "show", "t9.huge")
    assert (code, "there is no price of 't9.huge'" in error) == (64, True)


def test_an_imported_price_file_can_be_laid_over_the_catalogue(tmp_path: Path) -> None:
    code, out, _ = baton(tmp_path, "prices", "import", str(OFFERS / "ec2.json"), "--region", "eu-west-1")
    assert code == 0
    assert "m5.large: 0.107" in out
    assert list(read(out, "prices.yaml").regions) == ["eu-west-1"]
