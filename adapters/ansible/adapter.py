"""The Configurator port over Ansible."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from adapters.ansible import command, failures, fingerprint, inventory
from adapters.ansible.parse import Reader
from adapters.process.runner import Command, Finished
from adapters.process.runner import run as run_tool
from adapters.rundir import RunDirectory
from lifecycle.configuration import Configuration, Configured
from lifecycle.inventory import Host
from lifecycle.ports import Run
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import reveal, sensitive_parts
from lifecycle.ssh_options import SshPaths

CHILD: Final = Path(__file__).with_name("child.py")
GRACE: Final = timedelta(seconds=15)  # from a cancel to SIGKILL; ansible-runner stops within a second or two

Masking = Callable[[Iterable[Any]], Callable[[str], str]]
"""Secrets → a function that masks them in a text."""


def files(playbook: Path, roles: Sequence[Path]) -> Iterable[Path]:
    """The files that decide how a playbook comes out; `roles` are folders of roles beside those that Ansible looks in anyway."""
    return fingerprint.files(playbook, *_reach(playbook, [path for path in roles if path.is_dir()]))


def _reach(playbook: Path, roles: Sequence[Path]) -> tuple[Sequence[Path], Path | None]:
    """Folders that roles are looked for in, and the ansible.cfg that counts."""
    config = command.find_config(playbook)
    named = [Path(path) for path in config.paths("roles_path").split(":") if path]
    return [*named, *roles], config.path


class AnsibleConfigurator:
    """Runs playbooks. `roles` are folders of roles beside those that Ansible looks in anyway; `paths` are a run's SSH files.

    `masking` keeps the secrets among a step's variables out of messages. Several runs at once are fine.
    """

    def __init__(
        self,
        *,
        roles: Sequence[Path],
        paths: SshPaths,
        masking: Masking | None = None,
        environ: Mapping[str, str] | None = None,
        base: Path | None = None,
    ) -> None:
        self._roles = [path for path in roles if path.is_dir()]
        self._paths = paths
        self._masking = masking or Scrubber().masking
        self._environ = dict(os.environ if environ is None else environ)
        self._base = base

    def fingerprint(self, playbook: Path) -> str:
        """Digest of the playbook and of the roles and files that it can reach. Raises BatonError where it is not there."""
        return fingerprint.of(playbook, *_reach(playbook, self._roles))

    def files(self, playbook: Path) -> Iterable[Path]:
        """The files that the fingerprint covers. Raises BatonError where it is not there."""
        return files(playbook, self._roles)

    def configure(self, configuration: Configuration, run: Run) -> Configured:
        """Run the playbook on the hosts. Raises PlaybookBroken, RoleMissing or AnsibleFailed where it did not come to that."""
        if not configuration.hosts:
            return Configured(())
        with RunDirectory(self._base) as directory:
            return _Configuring(self, configuration, run, directory).result()

    # --- what one run needs

    def _files(self, configuration: Configuration, path: Path) -> tuple[inventory.Inventory, dict[str, str]]:
        """Write what Ansible reads; gives the inventory and the environment."""
        config = command.find_config(configuration.playbook)
        known = _known(configuration)
        become = all(host.connection.become for host in known)
        listed = inventory.build(
            known,
            configuration.groups,
            self._paths,
            become=become and not config.says("become"),
            ssh_args=config.ssh_args,
            python=not config.says("interpreter_python") and "ANSIBLE_PYTHON_INTERPRETER" not in self._environ,
        )
        limit = [listed.name_of(host) for host in configuration.hosts]
        settings = command.runner_settings(
            path,
            configuration.playbook.resolve(),
            config,
            forks=command.forks(len(limit), _available_megabytes()),
            check=configuration.check,
        )
        (path / "runner" / "env").mkdir(parents=True, mode=0o700)
        (path / "tmp").mkdir(mode=0o700)
        _write(path / "ansible.cfg", "")
        _write(path / "inventory.json", json.dumps(listed.value, default=str))
        _write(path / "limit", "".join(f"{name}\n" for name in limit))
        _write(path / "settings.json", json.dumps(settings))
        _write(path / "runner" / "env" / "extravars", json.dumps(reveal(dict(configuration.variables))))
        environment = command.environment(
            self._environ, config, path, bin_dir=Path(sys.executable).parent, roles=self._roles, become=become
        )
        return listed, environment


class _Configuring:
    """One run of one playbook."""

    def __init__(
        self, owner: AnsibleConfigurator, configuration: Configuration, run: Run, directory: RunDirectory
    ) -> None:
        self._configuration = configuration
        self._run = run
        self._directory = directory
        self._inventory, self._environment = owner._files(configuration, directory.path)
        mask = owner._masking(list(sensitive_parts(configuration.variables)))
        folder = configuration.playbook.resolve().parent
        self._reader = Reader(run.say, mask, self._display, folder, rehearsing=configuration.check)

    def result(self) -> Configured:
        """Run it and sort out how it ended."""
        finished = run_tool(
            Command(
                argv=[sys.executable, "-I", str(CHILD), str(self._directory.path / "settings.json")],
                cwd=self._directory.path,
                env=self._environment,
                lock_file=self._directory.lock_file,
                grace=GRACE,
                line_limit=4 << 20,
            ),
            self._take,
            self._run.cancel,
            min(self._run.deadline, self._configuration.deadline),
        )
        reader = self._reader
        names = [self._inventory.name_of(host) for host in self._configuration.hosts]
        stopped = self._stopped(finished)
        if reader.prompt and reader.stats is None:
            raise failures.prompts(self._configuration.playbook, reader.prompt)
        if reader.stats is None and not stopped and not reader.troubles:
            raise failures.explain(
                reader.said, reader.mask(finished.stderr), reader.returncode, self._configuration.playbook
            )
        complete = reader.stats is not None and not stopped
        return Configured(
            reader.results(names), complete, stopped or ("" if complete else "Ansible ended in the middle")
        )

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self._reader.output.append(line)  # a warning that some library printed
            return
        self._reader.take(event)

    def _stopped(self, finished: Finished) -> str:
        """Why the run was stopped from outside; empty when it was not."""
        if finished.timed_out:
            seconds = min(self._run.deadline, self._configuration.deadline).total_seconds()
            return f"the playbook was not through within {seconds:g} s"
        if finished.cancelled:
            return f"stopped: {self._run.cancel.reason or 'cancelled'}"
        return ""

    def _display(self, name: str) -> str:
        host = self._inventory.names.get(name)
        return host.name if host else name


def _known(configuration: Configuration) -> list[Host]:
    """The hosts to configure as they are given, and all others of the inventory that are trusted: an untrusted one cannot be reached."""
    given = {(host.stack, host.id) for host in configuration.hosts}
    others = [h for h in configuration.inventory if (h.stack, h.id) not in given and h.host_key]
    return [*configuration.hosts, *others]


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _available_megabytes() -> int | None:
    """Memory that is free for new processes; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
