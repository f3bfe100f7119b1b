"""What a revision is made of when it is accepted: never a secret, wherever it lies."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from flows.accepting import _collected
from flows.place import Place
from lifecycle.blueprint import load
from lifecycle.environment import EnvironmentRef

BLUEPRINT = """
blueprint: 1
name: shop
inputs:
  licence: {type: string, secret: true, from: "file:files/licence"}
connection: {key: "file:files/id_ed25519"}
stacks:
  web: {source: ./web}
configure:
  - {name: web, playbook: site.yml, hosts: {stack: web}}
"""


def test_a_secret_beside_a_playbook_is_not_kept(tmp_path: Path) -> None:
    files = {"blueprint.yaml": BLUEPRINT, "site.yml": "", "web/main.tf": "", "files/motd": "welcome"}
    files |= {"files/licence": "hunter2", "files/id_ed25519": "PRIVATE"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    path = tmp_path / "blueprint.yaml"
    place = Place(path, path, load(BLUEPRINT, str(path)), EnvironmentRef("shop", "dev"), {}, str(path))
    beside = [tmp_path / "site.yml", *sorted((tmp_path / "files").iterdir())]
    session: Any = SimpleNamespace(
        desired=SimpleNamespace(
            stacks={"web": SimpleNamespace(source=tmp_path / "web")},
            configure={"web": SimpleNamespace(playbook=tmp_path / "site.yml", drain=None)},
            checks={},
        ),
        ports=SimpleNamespace(
            provisioner=SimpleNamespace(files=lambda source: list(source.iterdir())),
            configurator=SimpleNamespace(files=lambda _: beside),
        ),
    )
    kept = _collected(place, cast(Any, session))
    assert sorted(kept.files) == ["blueprint.yaml", "files/motd", "site.yml", "web/main.tf"]
    assert b"hunter2" not in b"".join(kept.contents.values())
