"""The base image: a minimal Debian built once from the machine's own package sources, cached by the digest of its recipe."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from local_cloud.errors import CloudError

DATA = Path(__file__).parent / "data"
SUITE = "bookworm"
_SUITES = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
_NEEDED = ("mmdebstrap", "nft", "ip", "nsenter", "tar")
_PACKAGES = "mmdebstrap nftables uidmap iproute2 openssh-client"
_WHOLE_OR_NOT = '"$@" "$0.part" -; sync "$0.part"; mv "$0.part" "$0"'
"""The build, and then the name that says it is whole ($0 is the target, "$@" the build without it)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the image's content: the packages and the script that finishes it."""

    packages: tuple[str, ...]
    customize: str

    @classmethod
    def shipped(cls) -> Recipe:
        """The recipe in `data/`."""
        lines = (DATA / "packages.txt").read_text(encoding="utf-8").splitlines()
        packages = tuple(sorted(line.strip() for line in lines if line.strip() and not line.startswith("#")))
        return cls(packages, (DATA / "customize.sh").read_text(encoding="utf-8"))

    @property
    def digest(self) -> str:
        text = "\n".join((SUITE, *self.packages, self.customize))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Image:
    """A place in the cache: `tarball` once it is built, and one unpacked tree for each mapping of user ids."""

    folder: Path

    @property
    def tarball(self) -> Path:
        return self.folder / "base.tar"

    def tree(self, first_id: int) -> Path:
        """The folder (0777 inside the 0700 cache) whose `rootfs` is the image as ids from `first_id` own it."""
        return self.folder / f"ids-{first_id}"


def located(cache: Path, recipe: Recipe | None = None) -> Image:
    return Image(cache / (recipe or Recipe.shipped()).digest)


def check_tools() -> None:
    """Raises CloudError that names everything missing on this machine."""
    missing = [name for name in _NEEDED if not shutil.which(name, path=_path())]
    if missing:
        raise CloudError(
            f"The local cloud needs {', '.join(missing)}, not found on this machine.",
            f"On Debian: apt-get install {_PACKAGES}.",
        )


def ensure(cache: Path, say: Callable[[str], None]) -> Image:
    """Gives the image, building it where the cache has none. Two builders wait for each other.

    An interrupted build leaves only a part file that the next one removes. Raises CloudError with the tool's last lines.
    """
    image = located(cache)
    image.folder.mkdir(parents=True, exist_ok=True)
    image.folder.chmod(0o700)
    if image.tarball.exists():
        return image
    with (image.folder / "build.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building the base image; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.tarball.exists():
            say(f"building the base image once (Debian {SUITE}, about a minute): {image.folder}")
            _build(image, Recipe.shipped(), lock.fileno())
    return image


def _build(image: Image, recipe: Recipe, lock: int) -> None:
    for leftover in image.folder.glob("*.part"):
        leftover.unlink()
    log = image.folder / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(
            command(recipe, image.tarball, os.geteuid() == 0),
            input="\n".join(sources()).encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8"},
            pass_fds=(lock,),  # a builder that outlives us keeps the lock, and finishes the image itself
            check=False,
        )
    if done.returncode != 0:
        tail = " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
        raise CloudError(
            f"mmdebstrap could not build the base image (exit code {done.returncode}): {tail}",
            f"The whole log is {log}. It needs a reachable Debian mirror (setting: BATON_DEBIAN_MIRROR).",
        )


def command(recipe: Recipe, target: Path, root: bool) -> list[str]:
    """The command that writes the tarball; package sources are read from standard input.

    As root it runs in a mount and PID namespace of its own, so that not even a killed build leaves a mount behind.
    """
    isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"] if root else []
    return [
        *isolate,
        "sh",
        "-ec",
        _WHOLE_OR_NOT,
        str(target),
        "mmdebstrap",
        "--quiet",
        "--format=tar",
        f"--mode={'root' if root else 'unshare'}",
        "--variant=minbase",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={option}" for option in _proxies()),
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--include={','.join(recipe.packages)}",
        f'--customize-hook=sh {shlex.quote(str(DATA / "customize.sh"))} "$1"',  # installed files may have lost their x bit
        SUITE,
    ]


def sources() -> list[str]:
    """Package sources in the one-line or the deb822 form: the setting, else the machine's own, else Debian's."""
    mirror = os.environ.get("BATON_DEBIAN_MIRROR")
    own = [] if mirror else list(machine_sources(Path("/etc/apt")))
    return own or [f"deb {mirror or 'http://deb.debian.org/debian'} {SUITE} main"]


def machine_sources(apt: Path) -> Iterable[str]:
    """The machine's sources for this release of Debian; foreign repositories of the same release are left out."""
    stanzas: list[str] = []
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in file.read_text(encoding="utf-8").split("\n\n"):
            fields = {
                key.strip().lower(): value.strip()
                for key, _, value in (line.partition(":") for line in stanza.splitlines() if not line.startswith("#"))
            }
            suites = set(fields.get("suites", "").split())
            if suites and suites <= _SUITES and "main" in fields.get("components", "").split():
                stanzas.append("\n".join(line for line in stanza.splitlines() if not line.startswith("#")) + "\n")
    if stanzas:
        return stanzas
    lines: list[str] = []
    for file in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            words = line.split("]")[-1].split() if "]" in line else line.split()[1:]
            if line.startswith("deb ") and len(words) > 2 and words[1] in _SUITES and "main" in words[2:]:
                lines.append(line)
    return lines


def _proxies() -> list[str]:
    """The machine's apt proxy settings (a build that ignores them hangs behind a firewall)."""
    tool = shutil.which("apt-config")
    if tool is None:
        return []
    done = subprocess.run([tool, "dump"], capture_output=True, text=True, check=False, timeout=20)
    return [
        line.rstrip(";")
        for line in done.stdout.splitlines()
        if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy")) and not line.endswith('"";')
    ]


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
