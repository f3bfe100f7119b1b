"""Rows and values: what the tables hold of an environment, a lock, a record and a host."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy.engine import Row

from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.errors import BatonError
from lifecycle.inventory import Connection, Host, Trust
from lifecycle.journal import Kind, Record, Status
from lifecycle.lock import Lock, Owner
from lifecycle.sensitive import mask


def to_json(value: Mapping[str, Any]) -> str:
    """JSON text of a mapping, secrets masked. A half surrogate (undecodable tool output) becomes its JSON escape."""
    text = json.dumps(mask(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()


def to_text(value: str) -> str:
    """Text that every database takes: a NUL and half surrogates become visible escapes."""
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def environment_row(environment: Environment) -> dict[str, Any]:
    return {
        "environment": str(environment.ref),
        "phase": environment.phase.value,
        "created_at": environment.created_at,
        "updated_at": environment.updated_at,
        "message": to_text(environment.message),
        "blueprint_path": to_text(environment.blueprint_path),
        "cloud": environment.cloud,
        "run": environment.run,
        "facts": to_json(environment.facts),
    }


def environment(row: Row[Any]) -> Environment:
    return Environment(
        ref=EnvironmentRef.parse(row.environment),
        phase=Phase(row.phase),
        created_at=row.created_at,
        updated_at=row.updated_at,
        message=row.message,
        blueprint_path=row.blueprint_path,
        cloud=row.cloud,
        run=row.run,
        facts=json.loads(row.facts),
    )


def owner_row(owner: Owner) -> dict[str, Any]:
    return {
        "owner_user": owner.user,
        "machine": owner.machine,
        "boot_id": owner.boot_id,
        "pid": owner.pid,
        "started": owner.started,
        "flow_run": owner.flow_run,
    }


def lock(row: Row[Any]) -> Lock:
    return Lock(
        environment=EnvironmentRef.parse(row.environment),
        owner=Owner(row.owner_user, row.machine, row.boot_id, row.pid, row.started, row.flow_run),
        token=row.token,
        acquired_at=row.acquired_at,
        expires_at=row.expires_at,
        given_back=not row.held,
    )


def record_row(ref: EnvironmentRef, record: Record) -> dict[str, Any]:
    return {
        "environment": str(ref),
        "kind": record.kind.value,
        "subject": record.subject,
        "input_digest": record.input_digest,
        "run": record.run,
        "intended_at": record.intended_at,
        "finished_at": record.finished_at,
        "status": record.status.value if record.status else None,
        "message": to_text(record.message),
        "detail": to_json(record.detail),
    }


def record(row: Row[Any]) -> Record:
    return Record(
        kind=Kind(row.kind),
        subject=row.subject,
        input_digest=row.input_digest,
        run=row.run,
        intended_at=row.intended_at,
        finished_at=row.finished_at,
        status=Status(row.status) if row.status else None,
        message=row.message,
        detail=json.loads(row.detail),
    )


def host_json(host: Host) -> str:
    """JSON text of a host. Raises BatonError where a key itself stands in the place of its reference."""
    if "PRIVATE KEY" in host.connection.key:
        raise BatonError(
            f"the connection of host {host.name} holds a private key",
            hint="name the file that holds the key instead: the key itself is never stored",
        )
    value = {f.name: getattr(host, f.name) for f in fields(host)}
    value["connection"] = {f.name: getattr(host.connection, f.name) for f in fields(host.connection)}
    return to_json(value)


def host(text: str) -> Host:
    value = json.loads(text)
    return Host(
        **value
        | {
            "connection": Connection(**value["connection"]),
            "groups": tuple(value["groups"]),
            "trust": tuple(Trust(source) for source in value["trust"]),
        }
    )
