"""The one composition root: settings in, ports out. Nobody else builds an adapter."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from adapters import backend, certificates, revisions, shipped
from adapters import endpoint as endpoints
from adapters.clock import SystemClock
from adapters.endpoint import Endpoint
from adapters.parts import Reach
from adapters.process.owner import gone
from adapters.secrets import Secrets
from adapters.secrets.variable import Variables
from adapters.settings import Settings, make_private
from adapters.store.key import load_seal
from adapters.store.store import SqlStore
from adapters.store.store import open_store as open_sql_store
from lifecycle.blueprint.backend import S3
from lifecycle.blueprint.model import Blueprint, Connection
from lifecycle.blueprint.sources import KeyKind, SecretScheme
from lifecycle.certificate import Certificate
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import Event
from lifecycle.inventory import ConnectionDefaults, Host, Ready
from lifecycle.ports import Assessor, Cloud, EventSink, Ports, Run
from lifecycle.scrub import Scrubber
from lifecycle.ssh_options import host_argv

if TYPE_CHECKING:
    from adapters.cloud.api import Aws
    from adapters.cloud.states import States
    from adapters.terraform.adapter import TerraformProvisioner


class KeyMissing(BatonError):
    """The private key that the blueprint names is not there."""

    exit_code = ExitCode.USAGE


def open_store(settings: Settings) -> SqlStore:
    """The store alone, for verbs that only look."""
    make_private(settings.home)
    seal = ledger_key(settings)
    return open_sql_store(settings.store_url, key_path=settings.store_key_path, gone=gone, ledger_key=seal)


def own_key(settings: Settings, store: SqlStore, ref: EnvironmentRef, host: Host) -> Host:
    """A host as this machine enters it: where the store is shared, another one may have laid out the environment's key elsewhere."""
    if not store.shared or not host.connection.key.endswith(f"/{ref.blueprint}/{ref.name}/ssh_ed25519"):
        return host
    kept = Secrets(settings.environments, shelf=store.shelf).kept
    return replace(host, connection=replace(host.connection, key=str(kept.ssh_key(ref)[0])))


def ledger_key(settings: Settings) -> bytes:
    """What seals the ledger; empty where the settings name no key. Raises StoreError."""
    return load_seal(Path(settings.ledger_key).expanduser()) if settings.ledger_key else b""


class EventScrubber(Scrubber):
    """A scrubber that takes whole events."""

    def event(self, event: Event) -> Event:
        """The event with every secret in its texts masked."""
        return replace(event, message=self.text(event.message), data=self.value(dict(event.data)))


@dataclass
class Registry:
    """Builds adapters from settings and passes them in. One per run; `close` it."""

    settings: Settings
    store: SqlStore
    endpoint: Endpoint

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Raises CloudUnavailable when the cloud that the settings name is not there."""
        endpoint = endpoints.find(settings)
        opened = cls(settings, open_store(settings), endpoint)
        opened.secrets(Path()).kept.sweep()
        return opened

    def close(self) -> None:
        self.variables.give_back()
        self.store.close()

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock()

    @cached_property
    def scrubber(self) -> EventScrubber:
        return EventScrubber()

    @cached_property
    def variables(self) -> Variables:
        """Our environment, from which tools inherit all but the secrets that references name."""
        return Variables()

    def withhold(self, blueprint: Blueprint) -> None:
        """Keep every variable that the blueprint calls a secret from the tools, whether it is read or not."""
        sources = (spec.source for spec in blueprint.inputs.values())
        self.variables.withhold(*(s.name for s in sources if s and s.scheme is SecretScheme.ENV))

    def secrets(
        self,
        base: Path,
        blocks: Callable[[str], Any] | None = None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> Secrets:
        """Secrets of environments; `base` is the blueprint's folder, which files are relative to; `blocks` reads the engine's."""
        return Secrets(
            self.settings.environments,
            files=base,
            variables=self.variables,
            cloud=lambda: self.aws,
            blocks=blocks,
            age_identity=self.settings.age_identity,
            vault_password_file=self.settings.vault_password_file,
            learn=self.scrubber.add,
            warn=warn,
            shelf=self.store.shelf if self.store.shared else None,
        )

    def ssh_key(self, ref: EnvironmentRef) -> tuple[Path, str]:
        """(private key's path, public key) of the environment's own key pair."""
        return self.secrets(Path()).kept.ssh_key(ref)

    @property
    def operator_cidr(self) -> str:
        """The range that operators come from; empty where nobody said it."""
        return self.settings.operator_cidr or self.endpoint.operator_cidr

    def ca_certificate(self, ref: EnvironmentRef) -> str:
        """The certificate (PEM) of the environment's own authority."""
        return self.secrets(Path()).kept.authority(ref)

    def forget(self, ref: EnvironmentRef) -> None:
        """Drop what was made for an environment that is proven gone: its secrets, its key, its directories."""
        self.secrets(Path()).forget(ref)
        revisions.forget(self.settings.home, ref)
        for directory in (
            self.settings.environments / ref.blueprint / ref.name,
            self.settings.environments / ref.blueprint,
            revisions.folder(self.settings.home, ref).parent,
        ):
            with suppress(OSError):  # not empty, or not there
                directory.rmdir()

    def keep(self, certificate: Certificate) -> None:
        """Keep a teardown's certificate in the home, where `forget` does not reach, and in the store, for other machines."""
        home, ref = self.settings.home, EnvironmentRef.parse(certificate.environment)
        self.store.keep_certificate(ref, certificate.run, certificate.text)
        try:
            make_private(certificates.directory(home, ref))
            certificates.keep(home, certificate)
        except OSError as error:
            raise BatonError(
                f"nothing is left of {ref}, but its certificate cannot be kept: {error}",
                hint=f"make room for it, and run `baton down {ref}` again",
            ) from None

    def connection_defaults(self, connection: Connection, ref: EnvironmentRef, base: Path) -> ConnectionDefaults:
        """A blueprint's connection, with its files read and the cloud's way to its instances."""
        through_cloud = bool(self.endpoint.proxy_command and not connection.jump)
        public_proxy = self.endpoint.operator_proxy_command if connection.jump else ""
        return ConnectionDefaults(
            user=connection.user,
            port=connection.port if isinstance(connection.port, int) else 22,
            key=self._key(connection, ref, base),
            become=connection.become,
            jump=connection.jump if isinstance(connection.jump, str) else "",  # a selected one is known only later
            trust=connection.trust,
            ca=_ca(base / Path(connection.ca).expanduser()) if connection.ca else "",
            proxy_command=self.endpoint.proxy_command if through_cloud else "",
            proxy_passes_fd=through_cloud or bool(public_proxy),
            public_proxy=public_proxy,
            ready_deadline=connection.ready_deadline,
        )

    def _key(self, connection: Connection, ref: EnvironmentRef, base: Path) -> str:
        match connection.key.kind:
            case KeyKind.GENERATE:
                return str(self.ssh_key(ref)[0])
            case KeyKind.FILE:
                path = (base / Path(connection.key.path).expanduser()).resolve()
                if not path.is_file():
                    hint = "`connection.key` is generate, agent or file:PATH"
                    raise KeyMissing(f"the private key {path} is not there", hint=hint)
                return str(path)
            case KeyKind.AGENT:
                return ""

    @contextmanager
    def ports(self, sink: EventSink, base: Path, blueprint: Blueprint) -> Iterator[Ports]:
        """Every port for one run of a blueprint that lies in a folder. What the run opened (connections, directories) is closed and removed with it."""
        from adapters.ansible.adapter import AnsibleConfigurator
        from adapters.cloud.hosts import AwsHosts
        from adapters.probe.dialer import Broker, Direct
        from adapters.probe.prober import NetworkProber
        from adapters.probe.remote import Remote
        from adapters.ssh.directory import open_session
        from adapters.ssh.ladder import Ladder

        self._refuse_local_state(blueprint, base)
        aws = self.aws
        outside = Broker(Path(self.endpoint.broker)) if self.endpoint.broker else Direct()
        with ExitStack() as stack:
            directory = stack.enter_context(open_session())
            hosts = AwsHosts(aws)
            yield Ports(
                provisioner=stack.enter_context(closing(self.provisioner(blueprint))),
                configurator=AnsibleConfigurator(
                    roles=roles_of(base),
                    paths=directory,
                    masking=self.scrubber.masking,
                ),
                prober=NetworkProber(
                    places={"controller": outside, "outside": outside},
                    remote=Remote(directory),
                    clock=self.clock,
                    masking=self.scrubber.masking,
                ),
                hosts=_Hosts(hosts, Ladder(directory, hosts.console_keys)),
                cloud=self.cloud,
                store=self.store,
                clock=self.clock,
                sink=sink,
                masked=self.scrubber.value,
                learn=self.scrubber.add,
                keep=self.keep,
                version=version("baton-lifecycle"),
            )

    def _refuse_local_state(self, blueprint: Blueprint, base: Path) -> None:
        """Raise StateNotShared where other machines share the store and could not find a stack's state."""
        from adapters.terraform.backend import local_stacks

        if (
            not self.store.shared
            or backend.local_state_allowed(self.settings)
            or backend.chosen(self.settings, blueprint)
        ):
            return
        sources = {name: base / stack.source for name, stack in blueprint.stacks.items()}
        if found := local_stacks(sources):
            raise backend.StateNotShared(found, self.store.place)

    def assessor(self, blueprint: Blueprint, base: Path) -> Assessor:
        """What judges a blueprint in a folder, and reckons what it costs. Raises PolicyBroken, PricesInvalid, PricesMissing."""
        from adapters.assessor import assessor
        from adapters.terraform.written import pins

        return assessor(
            blueprint,
            base,
            self.settings,
            roles=roles_of(base),
            pins=pins,
            today=lambda: self.clock.now().date(),
            cloud_region=self.endpoint.region,
        )

    @cached_property
    def aws(self) -> "Aws":
        from adapters.cloud.api import Aws, AwsSettings

        return Aws(AwsSettings.of(_description(self.endpoint)))

    @property
    def cloud(self) -> Cloud:
        """The cloud alone, for what is done without a blueprint."""
        from adapters.cloud.tagged import AwsCloud

        return AwsCloud(self.aws)

    def states(self, bucket: S3) -> "States":
        """The bucket that keeps states, as the API sees it."""
        from adapters.cloud.states import States

        return States.of(self.aws, bucket)

    def provisioner(self, blueprint: Blueprint) -> "TerraformProvisioner":
        from adapters.terraform.adapter import TerraformProvisioner
        from adapters.terraform.settings import TerraformSettings

        mirrors = (Path(self.settings.mirror),) if self.settings.mirror else ()
        return TerraformProvisioner(
            root=self.settings.environments,
            key=self.store.key,
            cloud=self.endpoint.variables(),
            settings=TerraformSettings(
                binary=self.settings.terraform, mirrors=mirrors, bucket=backend.chosen(self.settings, blueprint)
            ),
            known=self.scrubber,
            erase=lambda bucket, key: self.states(bucket).erase(key),
        )


def reach(base: Path) -> Reach:
    """Who knows what a blueprint in a folder is made of, without a cloud."""
    from adapters.ansible.adapter import files
    from adapters.terraform import configuration

    return Reach(lambda source: configuration.files(source).values(), lambda playbook: files(playbook, roles_of(base)))


def roles_of(base: Path) -> list[Path]:
    """Folders of roles beside those that Ansible looks in anyway, for a blueprint in a folder."""
    return [base / "playbooks" / "roles", base / "roles", shipped.playbooks_dir() / "roles"]


def _ca(path: Path) -> str:
    """The public key of a host certificate authority. Raises KeyMissing."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = "`connection.ca` is the file with the authority's public key"
        raise KeyMissing(f"the host certificate authority {path} cannot be read: {error}", hint=hint) from None


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The HostSource port: the cloud sees hosts, the ladder waits for them."""

    seen: Any
    ladder: Any

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        found: Sequence[Host] = self.seen.discover(environment, stack)
        return found

    def await_ready(self, host: Host, run: Run) -> Ready:
        ready: Ready = self.ladder.await_ready(host, run)
        return ready

    def answers_as(self, host: Host) -> bool:
        return bool(self.ladder.answers_as(host))


def _description(endpoint: Endpoint) -> Mapping[str, Any]:
    return {k: getattr(endpoint, k) for k in ("endpoint_url", "region", "access_key", "secret_key", "proxy_command")}


@contextmanager
def ssh_command(host: Host, *, interactive: bool, others: Sequence[Host] = ()) -> Iterator[list[str]]:
    """`ssh` as Baton itself enters this host; append a remote command, or nothing for a shell.

    `others` are the environment's hosts: one of them may be the jump, which is then known by its pinned key.
    """
    from adapters.ssh.directory import open_session

    with open_session() as directory:
        directory.trust(others)
        argv = host_argv(host, directory)
        terminal = interactive and sys.stdin.isatty()
        yield ["ssh", "-tt", *argv[2:]] if terminal else argv  # argv[1] is -T
