"""The same facts for programs: JSON fields. Names here are a contract; docs/reference names them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle.asking import question_fields
from lifecycle.bundle import Bundle
from lifecycle.certificate import Certificate
from lifecycle.ends import End
from lifecycle.environment import Environment
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind
from lifecycle.lease import Appointment, Lease
from lifecycle.ledger import Broken
from lifecycle.lock import Lock
from lifecycle.perform import Ended
from lifecycle.policy.finding import Finding, decide
from lifecycle.policy.finding import fields as finding_fields
from lifecycle.recurring import recurring, zone_of
from lifecycle.report.words import look_again, next_command
from lifecycle.revision import READY, REVISION, Revision, changed

if TYPE_CHECKING:
    from lifecycle.policy.registry import Rule


def host_fields(host: Host) -> dict[str, Any]:
    """One host. No key but the public host key."""
    return {
        "name": host.name,
        "stack": host.stack,
        "id": host.id,
        "groups": list(host.groups),
        "tags": dict(host.tags),
        "address": host.connection.address,
        "port": host.connection.port,
        "user": host.connection.user,
        "host_key": host.host_key,
        **{k: v for k, v in host.facts.items() if k.endswith("_address")},
    }


def environment_fields(
    environment: Environment, hosts: Sequence[Host], journal: Journal, holder: Lock | None
) -> dict[str, Any]:
    """One environment with its hosts and last checks."""
    return {
        "environment": str(environment.ref),
        "phase": environment.phase.value,
        "message": environment.message,
        "created_at": environment.created_at.isoformat(),
        "updated_at": environment.updated_at.isoformat(),
        "cloud": environment.cloud,
        "blueprint": environment.blueprint_path,
        "run": environment.run,
        "locked_by": str(holder.owner) if holder else "",
        "hosts": [host_fields(h) for h in hosts],
        "checks": check_fields(journal),
        "revision": environment.facts.get(REVISION),
        **lease_fields(environment),
        "approval": question_fields(environment),
        "next": next_command(environment),
        "look": look_again(environment, journal, hosts),
    }


def lease_fields(environment: Environment) -> dict[str, Any]:
    """When an environment is to end: by its lease, by appointment, again and again."""
    lease, appointment = Lease.of(environment.facts), Appointment.of(environment.facts)
    return {
        "lease_ends": lease.ends.isoformat() if lease else None,
        "down_at": appointment.at.isoformat() if appointment else None,
        "recurring": [{"cron": r.cron, "tz": r.zone, "by": r.by} for r in recurring(environment.facts)],
    }


def end_fields(environment: Environment, end: End, shown: bool | None) -> dict[str, Any]:
    """One moment at which an environment is to be taken down. `in_engine` is null where no engine could be asked."""
    return {
        "environment": str(environment.ref),
        "phase": environment.phase.value,
        "kind": end.kind.value,
        "at": end.at.isoformat(),
        "local": end.at.astimezone(zone_of(end.zone)).isoformat(),
        "tz": end.zone,
        "cron": end.cron or None,
        "by": end.by,
        "in_engine": shown,
        "last_done": end.done.isoformat() if end.done else None,
        "last_late": end.late.total_seconds() if end.done else None,
    }


def revision_fields(revision: Revision, before: Revision | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """One revision, and what is different from the one before."""
    return {
        "number": revision.number,
        "digest": revision.digest,
        "at": revision.at.isoformat(),
        "by": revision.by,
        "inputs": dict(revision.inputs),
        "changed": changed(before, revision),
        "ready": revision.number in facts.get(READY, ()),
        "source": revision.source,
        "current": revision.number == facts.get(REVISION),
        "kept": bool(revision.files),
    }


def check_fields(journal: Journal) -> list[dict[str, Any]]:
    """The last look of every check, with its evidence."""
    return [
        {
            "name": record.subject,
            "passed": record.succeeded,
            "run": record.run,
            "at": record.finished_at.isoformat() if record.finished_at else "",
            "message": record.message,
            "evidence": record.detail.get("evidence", []),
        }
        for (kind, _), record in sorted(journal.records.items())
        if kind is Kind.VERIFY
    ]


def ended_fields(ended: Ended) -> dict[str, Any]:
    """How a run ended."""
    proof = ended.view.observed.proof
    fields: dict[str, Any] = {
        "environment": str(ended.environment.ref),
        "phase": ended.environment.phase.value,
        "changed": ended.changed,
        "run": ended.environment.run,
        "hosts": [host_fields(h) for h in ended.view.ready_hosts.values()],
        "checks": {n: {"passed": c.passed, "summary": c.summary} for n, c in ended.view.observed.checks.items()},
    }
    if proof is not None:
        fields["proof"] = {
            "left": list(proof.left),
            "looked_at": list(proof.looked_at),
            "not_provable": list(proof.not_provable),
            "certificate": proof.certificate.digest if proof.certificate else "",
        }
    return fields


def found_fields(found: tuple[int, str] | Broken) -> dict[str, Any]:
    """What a check of a chain found: its head (entries, hash), or the first broken entry and the reason."""
    broken = found if isinstance(found, Broken) else None
    entries, digest = (None, None) if isinstance(found, Broken) else found
    return {
        "whole": broken is None,
        "entries": entries,
        "hash": digest,
        "broken_entry": broken.seq if broken else None,
        "reason": broken.reason if broken else "",
    }


def certificate_fields(certificate: Certificate) -> dict[str, Any]:
    """A certificate that was found to be the one that was issued."""
    document = {key: value for key, value in certificate.document.items() if key != "format"}
    return document | {"digest": certificate.digest}


def findings_fields(findings: Sequence[Finding], overridden: Iterable[str] = ()) -> dict[str, Any]:
    """Findings in their own order with every key, and how many there are of each consequence."""
    decision = decide(findings, overridden)
    return {
        "findings": [finding_fields(finding) for finding in findings],
        "denied": len(decision.denied),
        "needs_approval": len(decision.needs_approval),
        "overridden": len(decision.overridden),
        "warnings": len(decision.warnings),
        "unknown": len(decision.unknown),
        "waived": len(decision.waived),
    }


def rule_fields(rule: "Rule") -> dict[str, Any]:
    """A built-in rule for programs: its parameters by name, with what they mean."""
    from lifecycle.blueprint.descriptions import descriptions

    return {
        "rule": rule.name,
        "demands": rule.title,
        "looks_at": rule.looks_at,
        "parameters": dict(descriptions(rule.parameters)),
    }


def bundle_fields(one: Bundle) -> dict[str, Any]:
    """One bundle, for programs."""
    return {
        "reference": one.reference,
        "name": one.name,
        "version": one.version,
        "digest": one.digest,
        "at": one.at.isoformat(),
        "by": one.by,
        "files": len(one.files),
    }
