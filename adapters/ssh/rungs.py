"""The readiness ladder's rungs, and the script that climbs those on the host in one call."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Rung(StrEnum):
    """What must be true of a host, in this order. The value is the word that people read."""

    BANNER = "ssh banner"
    KEY = "trusted host key"
    LOGIN = "login"
    USER_DATA = "user data finished"
    PACKAGES = "package lock free"
    PYTHON = "python"

    @property
    def number(self) -> int:
        """Its place on the ladder, from 1."""
        return list(Rung).index(self) + 1


PACKAGE_LOCKS: Final = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
)
PACKAGE_PIDS: Final = ("/var/cache/dnf/metadata_lock.pid", "/var/run/yum.pid", "/run/zypp.pid")
PYTHONS: Final = ("python3", "/usr/bin/python3", "/usr/libexec/platform-python")

_MARK: Final = "baton-ladder"


def script(
    root: str = "",
    locks: Sequence[str] = PACKAGE_LOCKS,
    pids: Sequence[str] = PACKAGE_PIDS,
    pythons: Sequence[str] = PYTHONS,
) -> str:
    """POSIX shell for `sh -s`: says every rung that it stands on, and what the next one waits for.

    Needs no root: who holds a lock is read from /proc/locks, by the file's inode. `root` stands before the paths, for tests.
    """
    quoted = {
        name: " ".join(shlex.quote(root + word) for word in words) for name, words in (("locks", locks), ("pids", pids))
    }
    return f"""
say() {{ echo "{_MARK} $*"; }}
say reached {Rung.LOGIN.name}

# cloud-init: finished when its last stage wrote boot-finished. Where it does not exist or is switched off, nothing is waited for.
cloud={shlex.quote(root)}/var/lib/cloud
run={shlex.quote(root)}/run/cloud-init
if [ -d "$run" ] || [ -d "$cloud/instance" ]; then
    if [ ! -e "$run/disabled" ] && [ ! -e {shlex.quote(root)}/etc/cloud/cloud-init.disabled ]; then
        if [ ! -e "$cloud/instance/boot-finished" ]; then say waits user data is still running; exit 0; fi
        if [ -r "$run/result.json" ] && ! grep -q '"errors": *\\[\\]' "$run/result.json"; then
            say finding user data ended with errors, see /var/log/cloud-init-output.log there
        fi
    fi
fi
say reached {Rung.USER_DATA.name}

if [ -r /proc/locks ]; then
    for file in {quoted["locks"]}; do
        [ -e "$file" ] || continue
        inode=$(stat -c %i "$file" 2>/dev/null) || continue
        while read -r _ _ _ _ pid where _; do  # a waiter's line has one word more, so that its inode is elsewhere
            case "$where" in *:"$inode")
                say waits "$file is held by process $pid ($(cat /proc/"$pid"/comm 2>/dev/null))"; exit 0 ;;
            esac
        done </proc/locks
    done
fi
for file in {quoted["pids"]}; do
    if read -r pid 2>/dev/null <"$file" && [ -d "/proc/$pid" ]; then say waits "$file: process $pid works"; exit 0; fi
done
say reached {Rung.PACKAGES.name}

for python in {" ".join(map(shlex.quote, pythons))}; do
    if found=$(command -v "$python" 2>/dev/null) && "$found" -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null; then
        say python "$found"; say reached {Rung.PYTHON.name}; exit 0
    fi
done
say waits "no Python 3.7 or later found"
"""


@dataclass(frozen=True, slots=True)
class Climbed:
    """How far the script came."""

    reached: tuple[Rung, ...] = ()
    waits: str = ""
    python: str = ""
    findings: tuple[str, ...] = ()

    @property
    def top(self) -> bool:
        return Rung.PYTHON in self.reached


def read(output: str) -> Climbed:
    """What the script said; whatever a login shell printed around it is passed over."""
    said = [line.split(" ", 2)[1:] for line in output.splitlines() if line.startswith(f"{_MARK} ")]
    words: dict[str, list[str]] = {}
    for verb, *rest in said:
        words.setdefault(verb, []).append(" ".join(rest).strip())
    return Climbed(
        reached=tuple(Rung[name] for name in words.get("reached", ()) if name in Rung.__members__),
        waits=(words.get("waits") or [""])[-1],
        python=(words.get("python") or [""])[-1],
        findings=tuple(words.get("finding", ())),
    )
