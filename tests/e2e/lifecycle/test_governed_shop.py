"""The shop with policy, cost, approval and secrets of three kinds: from a question to a certificate, and nobody hears a secret."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.e2e.lifecycle.conftest import Baton, Ran
from tests.support.canaries import Search
from tests.support.shop import EXPECTED

pytestmark = [pytest.mark.timeout(3600), pytest.mark.long]
REF = "governed-shop/dev"
EXAMPLE = "examples/shop/governed.yaml"
TOKEN = "canary-of-the-probes/4711=x"
KEPT = ("/dev/secrets.json",)
"""What must hold secrets: those that Baton made for the environment. No stack of the shop is given one, so no state has one."""


class Governed:
    """The command line, with all that was said."""

    def __init__(self, baton: Baton) -> None:
        self.baton, self.said = baton, list[str]()

    def __call__(self, *words: str, code: int = 0) -> Ran:
        ran = self.baton(*words, check=False, timeout=1500)
        self.said += [ran.out, ran.err]
        assert ran.code == code, f"baton {' '.join(words)} ended with {ran.code}\n{ran.out[-3000:]}\n{ran.err[-3000:]}"
        return ran

    def up(self, *more: str, code: int = 0) -> Ran:
        return self("up", EXAMPLE, *more, "--json", code=code)


@pytest.fixture
def governed(lasting: Baton, monkeypatch: pytest.MonkeyPatch) -> Iterator[Governed]:
    folder = lasting.directory / "examples" / "shop"
    subprocess.run([sys.executable, str(folder / "make_secrets.py")], check=True, capture_output=True)
    monkeypatch.setenv("BATON_AGE_IDENTITY", str(folder / "secrets" / "identity.txt"))
    monkeypatch.setenv("SHOP_PROBE_TOKEN", TOKEN)
    yield Governed(lasting)
    lasting("down", REF, "--yes", check=False, timeout=1500)


def password(folder: Path) -> str:
    identity = pyrage.x25519.Identity.from_str((folder / "identity.txt").read_text())
    text = pyrage.decrypt((folder / "shop.yaml.age").read_bytes(), [identity]).decode()
    return str(text.partition("password: ")[2].rstrip("}\n"))


def test_from_a_question_to_a_certificate_and_nobody_hears_a_secret(governed: Governed) -> None:
    folder = governed.baton.directory / "examples" / "shop"
    secrets = {"age": password(folder / "secrets"), "env": TOKEN}
    assert len(secrets["age"]) > 20
    asked = governed.up(code=4)
    assert asked.finished("apply") == []
    (preview,) = asked.of("preview")
    found = {(f["rule"], f["verdict"]) for f in preview["policy"]["findings"]}
    assert {("one-way-in", "waived"), ("images", "unknown")} <= found
    assert not {verdict for _, verdict in found} & {"deny"}
    assert "a month more" in asked.of("error")[0]["message"]
    governed("approve", REF, preview["digest"][:12], "--reason", "the opening")

    made = governed.up()
    assert made.result["phase"] == "ready"
    assert sorted(made.finished("judge")) == ["judge:data", "judge:front"]
    assert {name: c["passed"] for name, c in made.result["checks"].items()} == dict.fromkeys(EXPECTED["checks"], True)

    shrunk = ("--input", "web_count=1")
    fewer = governed.up(*shrunk, code=4)
    assert 'destroys module.hosts.aws_instance.this["web-2"]' in fewer.of("error")[0]["message"]
    governed("approve", REF, fewer.of("preview")[0]["digest"][:12])
    playbook = folder / "web.yml"
    kept = playbook.read_text()
    playbook.write_text(f"{kept}\n# somebody was here\n")
    stale = governed.up(*shrunk, code=5)
    assert "playbook of configure web" in stale.of("error")[0]["message"]
    assert stale.finished("apply") + stale.finished("drain") == []
    playbook.write_text(kept)
    assert governed("status", REF, "--json").lines[0]["phase"] == "ready"

    kept_files = governed.baton.home / "environments" / "governed-shop"
    (authority,) = kept_files.glob("**/secrets.json")
    assert "PRIVATE KEY" in authority.read_text()
    secrets["certificate"] = authority.read_text().split("PRIVATE KEY-----\\n")[1].split("\\n")[0]
    for verb in ("hosts", "outputs", "history", "trace"):
        governed(verb, REF)
    search = Search(secrets, kept=KEPT)
    assert leaks(governed, search) == {}
    assert search.file(authority) == {"certificate"}  # the search finds what is there

    gone = governed("down", REF, "--json")
    assert gone.result["phase"] == "destroyed"
    assert leaks(governed, search) == {}
    assert governed("audit", "verify").code == 0


def leaks(governed: Governed, search: Search) -> dict[str, set[str]]:
    """Where a secret is that must not be there: files of Baton, the user's home, what was said."""
    files = search.below(governed.baton.home, without={governed.baton.home / "cloud"})
    files |= (
        search.below(Path(os.environ["HOME"]) / ".prefect") if (Path(os.environ["HOME"]) / ".prefect").exists() else {}
    )
    return files | {f"output {n}": names for n, text in enumerate(governed.said) if (names := search.text(text))}
