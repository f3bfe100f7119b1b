"""The handoff: from what a stack puts out to hosts that can be waited for.

A module says which hosts it made by an output named `hosts`: a map of name → host, or a list of hosts that carry a `name`.

    output "hosts" {
      value = {
        "web-1" = {
          address         = "10.1.0.5"         # how it is reached; the only key that must be there
          id              = "i-0123456789"     # what the cloud calls it: its identity. Without one, the address
          user            = "admin"            # these win over the blueprint's `connection`
          port            = 22
          jump            = "admin@bastion.example.com:22"
          groups          = ["web"]            # what playbooks and selectors call it
          tags            = { Role = "web" }
          host_key        = "ssh-ed25519 AAAA…"  # where the module knows it
          private_address = "10.1.0.5"         # facts for playbooks and checks
          public_address  = "203.0.113.5"
        }
      }
    }

Modules that users already have are described by the blueprint instead (`HostMapping`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lifecycle.errors import BatonError
from lifecycle.inventory import ConnectionDefaults, Host, HostMapping
from lifecycle.plan import Outputs
from lifecycle.sensitive import reveal

OUTPUT: Final = "hosts"

_TEXTS: Final = ("address", "id", "user", "jump", "host_key", "private_address", "public_address")
_KEYS: Final = frozenset({"name", "port", "groups", "tags", *_TEXTS})
_FACTS: Final = ("private_address", "public_address")


class BadHosts(BatonError):
    """A stack's outputs do not say which hosts it made."""


def hosts_from_outputs(
    stack_name: str, outputs: Outputs, mapping: Sequence[HostMapping], defaults: ConnectionDefaults
) -> tuple[Host, ...]:
    """The hosts of a stack, by its `hosts` output and by the blueprint's mapping, in their order; none where there is neither.

    Raises BadHosts that names every output and key that is not as it should be, and what was expected.
    """
    problems: list[str] = []
    hosts: list[Host] = []
    if OUTPUT in outputs:
        for name, where, value in _entries(reveal(outputs[OUTPUT].value), problems):
            _keep(hosts, _host(stack_name, name, where, value, defaults, problems))
    for entry in mapping:
        hosts += _mapped(stack_name, outputs, entry, defaults, problems)
    problems += _twice(hosts)
    if problems:
        raise BadHosts(
            f"stack {stack_name} does not say clearly which hosts it made: {'; '.join(problems)}",
            hint=f"give the module an output `{OUTPUT}` (a map of name → {{id, address, …}}), "
            f"or describe its outputs under `stacks.{stack_name}.hosts` in the blueprint",
            facts={"stack": stack_name, "problems": problems},
        )
    return tuple(hosts)


def _entries(value: Any, problems: list[str]) -> list[tuple[str, str, Any]]:
    """(name, where it stands, host) of the `hosts` output in either shape."""
    if isinstance(value, Mapping):
        return [(str(name), f"output '{OUTPUT}', host '{name}'", host) for name, host in value.items()]
    if not isinstance(value, list | tuple):
        problems.append(f"output '{OUTPUT}': expected a map of name → host or a list of hosts, found {_kind(value)}")
        return []
    found = []
    for number, host in enumerate(value):
        where = f"output '{OUTPUT}', item {number}"
        name = host.get("name") if isinstance(host, Mapping) else None
        if isinstance(name, str) and name:
            found.append((name, f"{where} ('{name}')", host))
        else:
            problems.append(f"{where}: expected an object with a `name`, found {_kind(host)}")
    return found


@dataclass
class _Reader:
    """Reads the keys of one host and notes what is wrong with them."""

    where: str
    value: Mapping[str, Any]
    problems: list[str]
    failed: bool = field(default=False, init=False)

    def get(self, key: str, fits: Callable[[Any], bool], expected: str, default: Any) -> Any:
        value = self.value.get(key)
        if value is None:
            return default
        if fits(value):
            return value
        self.complain(f"{self.where}, key '{key}': expected {expected}, found {_kind(value)}")
        return default

    def text(self, key: str) -> str:
        return str(self.get(key, lambda v: isinstance(v, str), "a text", "")).strip()

    def complain(self, problem: str) -> None:
        self.failed = True
        self.problems.append(problem)


def _host(
    stack: str, name: str, where: str, value: Any, defaults: ConnectionDefaults, problems: list[str]
) -> Host | None:
    if not isinstance(value, Mapping):
        problems.append(f"{where}: expected an object with `id` and `address`, found {_kind(value)}")
        return None
    reader = _Reader(where, value, problems)
    for key in sorted(set(value) - _KEYS):
        reader.complain(f"{where}: unknown key '{key}' (known: {', '.join(sorted(_KEYS))})")
    texts = {key: reader.text(key) for key in _TEXTS}
    port = reader.get("port", _is_port, "a number from 1 to 65535", 0)
    groups = reader.get("groups", _is_texts, "a list of texts", ())
    tags = reader.get("tags", _is_text_map, "a map of texts", {})
    if value.get("address") is None or str(value["address"]).strip() == "":
        reader.complain(f"{where}, key 'address': expected an address or a name, found nothing")
    if reader.failed:
        return None
    host_id = texts["id"] or texts["address"]
    return Host(
        name=name,
        stack=stack,
        id=host_id,
        connection=defaults.connection(
            texts["address"], host_id, user=texts["user"], port=int(port), jump=texts["jump"]
        ),
        groups=tuple(groups),
        tags=dict(tags),
        trust=defaults.trust,
        ca=defaults.ca,
        offered_key=texts["host_key"],
        facts={key: texts[key] for key in _FACTS if texts[key]},
    )


def _mapped(
    stack: str, outputs: Outputs, entry: HostMapping, defaults: ConnectionDefaults, problems: list[str]
) -> list[Host]:
    """Hosts by one entry of the blueprint's mapping."""
    columns = {"address": entry.address, "id": entry.id} | ({"name": entry.name} if entry.name else {})
    found = {key: _column(outputs, output, entry.group, key, problems) for key, output in columns.items()}
    values = {key: column for key, column in found.items() if column is not None}
    if len(values) < len(columns):
        return []
    if len({len(column) for column in values.values()}) > 1:
        lengths = ", ".join(f"'{columns[key]}' has {len(column)}" for key, column in values.items())
        problems.append(f"hosts of group '{entry.group}': the outputs must be equally long, but {lengths}")
        return []
    names = values.get("name") or [f"{entry.group}-{n}" for n in range(1, len(values["id"]) + 1)]
    return [
        Host(
            name=name,
            stack=stack,
            id=host_id,
            connection=defaults.connection(address, host_id, user=entry.user, port=entry.port),
            groups=(entry.group,),
            trust=defaults.trust,
            ca=defaults.ca,
        )
        for name, host_id, address in zip(names, values["id"], values["address"], strict=True)
    ]


def _column(outputs: Outputs, output: str, group: str, key: str, problems: list[str]) -> list[str] | None:
    """An output's value as a list of texts; None, with a problem noted, where it is something else."""
    where = f"hosts of group '{group}', key '{key}'"
    if output not in outputs:
        known = ", ".join(sorted(outputs)) or "none"
        problems.append(f"{where}: the stack has no output '{output}' (it has: {known})")
        return None
    value = reveal(outputs[output].value)
    column = [value] if isinstance(value, str) else value
    if _is_texts(column) and all(column):
        return list(column)
    problems.append(f"{where}: expected output '{output}' to be a text or a list of texts, found {_kind(value)}")
    return None


def _twice(hosts: Sequence[Host]) -> list[str]:
    """A problem for every name and every id that two hosts share."""
    problems = []
    for what, values in (("name", [h.name for h in hosts]), ("id", [h.id for h in hosts])):
        shared = sorted({value for value in values if values.count(value) > 1})
        problems += [f"two hosts have the {what} '{value}'" for value in shared]
    return problems


def _keep(hosts: list[Host], host: Host | None) -> None:
    if host is not None:
        hosts.append(host)


def _is_port(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value) and 0 < value < 65536


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())


def _kind(value: Any) -> str:
    """What a value is, in words, without showing it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case Mapping():
            return f"an object with {', '.join(sorted(map(str, value))) or 'no keys'}"
        case list() | tuple():
            odd = sorted({_kind(item) for item in value if not isinstance(item, str) or not item})
            return f"a list with {', '.join(odd)} in it" if odd else "a list"
        case _:
            return type(value).__name__
