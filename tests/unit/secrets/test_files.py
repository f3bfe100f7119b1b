"""Secrets by reference: from the environment, from files, made and kept."""

import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapters.secrets import SecretMissing, Secrets
from adapters.secrets.kept import ALPHABET
from adapters.secrets.variable import Variables
from lifecycle.environment import EnvironmentRef
from lifecycle.scrub import Scrubber

DEV = EnvironmentRef("shop", "dev")
PROD = EnvironmentRef("shop", "prod")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- env:


def test_a_variable_of_the_environment_is_read_when_it_is_needed(root: Path) -> None:
    environ = {"DB_PASSWORD": "one"}
    secrets = Secrets(root, variables=Variables(environ))
    assert secrets.resolve(DEV, "db", "env:DB_PASSWORD") == "one"
    environ["DB_PASSWORD"] = "two"
    assert secrets.resolve(DEV, "db", "env:DB_PASSWORD") == "two"
    assert not root.exists()


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"DB_PASSWORD": ""}, "empty")])
def test_a_variable_that_is_missing_is_named_with_its_input(root: Path, environ: dict[str, str], state: str) -> None:
    with pytest.raises(SecretMissing, match=f"secret 'db': the environment variable DB_PASSWORD is {state}") as caught:
        Secrets(root, variables=Variables(environ)).resolve(DEV, "db", "env:DB_PASSWORD")
    assert "export DB_PASSWORD" in caught.value.hint


# --- file:


def secret_file(path: Path, data: bytes, permissions: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(permissions)
    return path


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"a\nb\n", "a\nb"),
        (b" abc \n", " abc "),
        (b"abc\n\n", "abc\n"),
    ],
)
def test_a_file_is_the_secret_without_its_last_line_end(root: Path, tmp_path: Path, data: bytes, value: str) -> None:
    secret_file(tmp_path / "pw", data)
    assert Secrets(root, files=tmp_path).resolve(DEV, "db", "file:pw") == value


def test_paths_are_relative_to_the_blueprint_or_absolute_or_at_home(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "blueprint").mkdir()
    secret_file(tmp_path / "blueprint" / "pw", b"beside")
    secret_file(tmp_path / "pw", b"at home")
    secrets = Secrets(root, files=tmp_path / "blueprint")
    assert secrets.resolve(DEV, "db", "file:pw") == "beside"
    assert secrets.resolve(DEV, "db", "file:../pw") == "at home"
    assert secrets.resolve(DEV, "db", "file:~/pw") == "at home"
    assert secrets.resolve(DEV, "db", f"file:{tmp_path}/pw") == "at home"


def test_a_file_that_others_may_read_is_taken_and_told(root: Path, tmp_path: Path) -> None:
    told: list[str] = []
    path = secret_file(tmp_path / "pw", b"abc", 0o644)
    secrets = Secrets(root, files=tmp_path, warn=told.append)
    assert secrets.resolve(DEV, "db", "file:pw") == "abc"
    assert told == [f"secret 'db': {path} may be read by others (chmod 600 {path})"]
    path.chmod(0o600)
    secrets.resolve(DEV, "db", "file:pw")
    assert len(told) == 1


@pytest.mark.parametrize("permissions", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(root: Path, tmp_path: Path, permissions: int) -> None:
    secret_file(tmp_path / "pw", b"abc", permissions)
    with pytest.raises(SecretMissing, match="may be written by others") as caught:
        Secrets(root, files=tmp_path).resolve(DEV, "db", "file:pw")
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (1 << 20) + b"y", "too large"),
    ],
)
def test_a_file_that_is_no_secret_is_refused_by_its_path(
    root: Path, tmp_path: Path, data: bytes | None, said: str
) -> None:
    if data is not None:
        secret_file(tmp_path / "pw", data)
    with pytest.raises(SecretMissing, match="pw") as caught:
        Secrets(root, files=tmp_path).resolve(DEV, "db", "file:pw")
    assert said in str(caught.value)


def test_a_directory_is_no_secret(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="Is a directory"):
        Secrets(root, files=tmp_path).resolve(DEV, "db", "file:.")


# --- generate:


def test_a_generated_secret_is_made_once_for_each_environment_and_name(root: Path) -> None:
    secrets = Secrets(root)
    made = secrets.resolve(DEV, "db", "generate:24")
    assert len(made) == 24
    assert secrets.resolve(DEV, "db", "generate:24") == made
    assert Secrets(root).resolve(DEV, "db", "generate:24") == made
    assert len({made, secrets.resolve(DEV, "api", "generate:24"), secrets.resolve(PROD, "db", "generate:24")}) == 3


def test_a_generated_secret_has_all_kinds_of_characters_and_none_that_anything_reads_as_its_own(root: Path) -> None:
    for n in range(50):
        made = Secrets(root).resolve(DEV, f"n{n}", "generate:8")
        assert set(made) <= set(ALPHABET)
        assert all(re.search(kind, made) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


def test_what_is_kept_is_readable_by_nobody_else(root: Path) -> None:
    umask = os.umask(0)
    try:
        Secrets(root).resolve(DEV, "db", "generate:24")
        Secrets(root).kept.ssh_key(DEV)
    finally:
        os.umask(umask)
    directory = root / "shop" / "dev"
    assert {mode(path) for path in (root, root / "shop", directory)} == {0o700}
    assert {mode(path) for path in directory.iterdir() if path.suffix != ".pub"} == {0o600}


def test_a_generated_secret_does_not_change_under_a_running_environment(root: Path) -> None:
    secrets = Secrets(root)
    secrets.resolve(DEV, "db", "generate:24")
    with pytest.raises(SecretMissing, match="made for shop/dev by generate:24, and the blueprint now says generate:32"):
        secrets.resolve(DEV, "db", "generate:32")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"db": "abc"}', '{"db": {"value": "x"}}', '{"db": 1}'])
def test_a_file_of_secrets_that_cannot_be_read_is_never_overwritten(root: Path, text: str) -> None:
    secrets = Secrets(root)
    secrets.resolve(DEV, "db", "generate:24")
    path = root / "shop" / "dev" / "secrets.json"
    path.write_text(text)
    with pytest.raises(SecretMissing, match=r"secrets\.json cannot be read"):
        secrets.resolve(DEV, "db", "generate:24")
    assert path.read_text() == text


def test_many_threads_get_the_same_secret(root: Path) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(Secrets(root).resolve(DEV, "db", "generate:24"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 16
    assert len(set(made)) == 1


MAKE = """
import sys
from pathlib import Path
from adapters.secrets import Secrets
from lifecycle.environment import EnvironmentRef
sys.stdin.readline()
secrets = Secrets(Path(sys.argv[1]))
ref = EnvironmentRef("shop", "dev")
print([secrets.resolve(ref, f"n{n}", "generate:24") for n in range(5)], secrets.kept.ssh_key(ref)[1])
"""


def test_many_processes_get_the_same_secrets(root: Path) -> None:
    argv = [sys.executable, "-c", MAKE, str(root)]
    here = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(argv, cwd=here, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert len(said) == 1
    assert "ssh-ed25519" in said.pop()


# --- key pairs


def test_an_environment_has_one_key_pair_that_works(root: Path) -> None:
    private, public = Secrets(root).kept.ssh_key(DEV)
    assert re.fullmatch(r"ssh-ed25519 [A-Za-z0-9+/=]+ baton shop/dev", public)
    assert mode(private) == 0o600
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True, timeout=30
    )
    assert derived.stdout.split()[:2] == public.split()[:2]
    assert Secrets(root).kept.ssh_key(DEV) == (private, public)
    assert Secrets(root).kept.ssh_key(PROD)[1].split()[1] != public.split()[1]


def test_half_a_key_pair_is_made_anew(root: Path) -> None:
    private, public = Secrets(root).kept.ssh_key(DEV)
    private.unlink()
    again = Secrets(root).kept.ssh_key(DEV)
    assert again[0] == private
    assert again[1] != public


# --- all


@pytest.mark.parametrize(
    "reference",
    ["", "plain", "env:", "file:", "generate:", "generate:7", "generate:513", "generate:x", "vault:a", "generate:²"],
)
def test_anything_else_is_no_reference(root: Path, reference: str) -> None:
    with pytest.raises(SecretMissing, match="is not a reference"):
        Secrets(root).resolve(DEV, "db", reference)


def test_forgetting_an_environment_drops_its_secrets_and_no_others(root: Path) -> None:
    secrets = Secrets(root)
    dev, prod = (secrets.resolve(ref, "db", "generate:24") for ref in (DEV, PROD))
    private, _ = secrets.kept.ssh_key(DEV)
    secrets.forget(DEV)
    secrets.forget(DEV)
    assert not private.exists()
    assert secrets.resolve(PROD, "db", "generate:24") == prod
    assert secrets.resolve(DEV, "db", "generate:24") != dev
    secrets.forget(DEV)
    secrets.forget(PROD)
    assert [path.name for path in root.iterdir()] == [".secrets.lock"]


def test_forgetting_leaves_what_others_keep_beside_the_secrets(root: Path) -> None:
    secrets = Secrets(root)
    secrets.resolve(DEV, "db", "generate:24")
    secrets.kept.ssh_key(DEV)
    state = root / "shop" / "dev" / "web" / "terraform.tfstate"
    state.parent.mkdir()
    state.write_text("{}")
    (state.parent.parent / ".secret-half").write_text("left by a kill")
    (state.parent.parent / ".secret-pair").mkdir()
    secrets.forget(DEV)
    assert [path.name for path in (root / "shop" / "dev").iterdir()] == ["web"]
    assert state.read_text() == "{}"


def test_forgetting_while_others_make_never_fails(root: Path) -> None:
    wrong: list[BaseException] = []

    def work(forget: bool) -> None:
        secrets = Secrets(root)
        try:
            for _ in range(30):
                if forget:
                    secrets.forget(DEV)
                else:
                    assert len(secrets.resolve(DEV, "db", "generate:24")) == 24
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n % 2 == 0,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert wrong == []


@pytest.mark.parametrize(
    "ref", [EnvironmentRef("..", "dev"), EnvironmentRef("shop", "../../etc"), EnvironmentRef("shop", ".")]
)
def test_no_name_leads_out_of_the_root(root: Path, ref: EnvironmentRef) -> None:
    with pytest.raises(SecretMissing, match="cannot be the name of a directory"):
        Secrets(root).resolve(ref, "db", "generate:24")


def test_every_value_is_learned_before_anybody_gets_it(root: Path, tmp_path: Path) -> None:
    scrubber = Scrubber()
    secret_file(tmp_path / "pw", b"from-a-file")
    secrets = Secrets(root, files=tmp_path, variables=Variables({"PW": "from-the-environment"}), learn=scrubber.add)
    values = [secrets.resolve(DEV, "db", reference) for reference in ("env:PW", "file:pw", "generate:24")]
    assert scrubber.text(" ".join(values)) == "*** *** ***"


def test_what_is_kept_says_how_it_was_made(root: Path) -> None:
    value = Secrets(root).resolve(DEV, "db", "generate:24")
    kept = json.loads((root / "shop" / "dev" / "secrets.json").read_text())
    assert kept == {"db": {"reference": "generate:24", "value": value}}
