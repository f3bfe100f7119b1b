"""What went wrong, as one error class each: Terraform's diagnostics and stderr in, an exception out.

The words are Terraform's and the AWS provider's own (recorded in tests/golden/terraform/failures); they are matched in the
order of `RULES`, the most telling first. What nobody knows is `TerraformFailed` with Terraform's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifecycle.errors import DISK_FULL, BatonError, ExitCode, Trouble
from lifecycle.plan import Diagnostic, Severity


class TerraformFailed(BatonError):
    """Terraform failed.

    `diagnostics` are all that it said, warnings too.
    """

    advice = ""

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        facts: Mapping[str, Any] | None = None,
        diagnostics: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(message, hint=hint or self.advice, facts=facts)
        self.diagnostics = tuple(diagnostics)


class StateLocked(TerraformFailed):
    """Somebody else holds the state's lock."""

    exit_code = ExitCode.LOCKED
    advice = "wait for it and run it again: the lock of a local state ends with the process that holds it"


class StalePlan(TerraformFailed):
    """The saved plan is no longer what would be applied: the state changed, or the plan file did."""

    exit_code = ExitCode.LOCKED
    advice = "plan again and look at what it says now"


class ProviderUnavailable(TerraformFailed):
    """A provider that the module needs could not be had."""

    advice = (
        "put it into a filesystem mirror (registry.terraform.io/NAMESPACE/TYPE/VERSION/OS_ARCH) that Terraform looks at or that "
        "the setting BATON_MIRROR names, or let this machine reach the registry"
    )


class ProviderChecksum(TerraformFailed):
    """A provider's package is not the one that the module's lock file expects."""

    advice = "`terraform providers lock` in the module records the checksums of this platform and mirror"


class ModuleUnavailable(TerraformFailed):
    """A module that the configuration calls could not be had."""

    advice = "check the module's source; remote ones need a network, local ones start with ./ or ../"


class CredentialsRefused(TerraformFailed):
    """The cloud does not accept the credentials, or there are none."""

    advice = (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or log in again; a signature that does not match or has "
        "expired may also mean that this machine's clock is wrong (`timedatectl`)"
    )


class PermissionDenied(TerraformFailed):
    """The cloud knows who we are and does not allow it."""

    advice = "ask for the permission that the message names"


class EndpointUnreachable(TerraformFailed):
    """The cloud's endpoint does not answer."""

    trouble = Trouble.UNREACHABLE
    advice = (
        "is it up (`baton cloud up` for the local cloud), is AWS_ENDPOINT_URL right, does its name resolve? Then run it again: "
        "what was done so far is in the state"
    )


class EndpointFailing(TerraformFailed):
    """The cloud answers with a failure of its own."""

    trouble = Trouble.UNREACHABLE
    advice = "run again: what was done so far is in the state; if it stays, look at the cloud's status"


class Throttled(TerraformFailed):
    """The cloud is asked too often."""

    trouble = Trouble.THROTTLED
    advice = "run again in a moment: what was done so far is in the state"


class StillInUse(TerraformFailed):
    """A resource cannot go while something else uses it."""

    trouble = Trouble.IN_USE
    advice = "look in the cloud for what uses it: something that Baton does not manage must be removed by hand"


class MissingVariable(TerraformFailed):
    """The module wants a variable that was not given."""

    exit_code = ExitCode.USAGE
    advice = "give it under the stack's `vars:` in the blueprint"


class InvalidVariable(TerraformFailed):
    """The module does not take a variable as it was given."""

    exit_code = ExitCode.USAGE
    advice = "see the variable's type and validation in the module"


class UnknownVariable(TerraformFailed):
    """A variable was given that the module does not declare."""

    exit_code = ExitCode.USAGE


class UnknownUntilApply(TerraformFailed):
    """The plan depends on values that are known only after something else was applied."""

    advice = "`count` and `for_each` need values that are known while planning; apply what they come from first"


class BackendChanged(TerraformFailed):
    """The module's state backend is not the one that was used before."""

    advice = "migrate the state yourself (`terraform init -migrate-state`), or undo the change: nothing was touched"


class SharedState(TerraformFailed):
    """Two stacks or environments would keep their state in the same place."""

    exit_code = ExitCode.USAGE
    advice = "leave the backend's `key` out of the module and let a setting name one for each environment"


class BucketMissing(TerraformFailed):
    """The bucket that is to keep the state is not there."""

    advice = "make it: baton backend init BLUEPRINT"


class StateUnreadable(TerraformFailed):
    """The state cannot be read by this Terraform."""

    advice = "use the Terraform version that wrote it, or a newer one"


class VersionConflict(TerraformFailed):
    """The module asks for another version of Terraform."""

    advice = "name a Terraform that fits by the setting BATON_TERRAFORM"


class QuotaExceeded(TerraformFailed):
    """The cloud's quota is used up."""

    advice = "raise the quota, or take something down, and run again: what was made is kept"


class PreconditionFailed(TerraformFailed):
    """A condition that the module itself states does not hold."""


class DestroyPrevented(TerraformFailed):
    """The module forbids to destroy something that the plan would destroy."""

    advice = "`prevent_destroy` protects it; lift it in the module if you mean it"


class ConfigurationInvalid(TerraformFailed):
    """The module is not valid."""

    exit_code = ExitCode.USAGE


class ResourceFailed(TerraformFailed):
    """A resource could not be made, changed or removed."""

    advice = "what was done so far is in the state; put it right and run again"


class TerraformCrashed(TerraformFailed):
    """Terraform or a provider crashed."""

    advice = "run again; if it stays, report it to the provider's authors with these words"


class NoSpaceLeft(TerraformFailed):
    """There is no space left on the disk."""

    advice = DISK_FULL


class TerraformTimedOut(TerraformFailed):
    """Terraform did not end in time and was stopped."""

    advice = "what was done so far is in the state; run again, or raise the deadline"


@dataclass(frozen=True, slots=True)
class Rule:
    """An error class and the words by which it is known, in a summary, a detail or stderr."""

    error: type[TerraformFailed]
    words: re.Pattern[str]


def _rule(error: type[TerraformFailed], *words: str) -> Rule:
    return Rule(error, re.compile("|".join(words), re.IGNORECASE))


RULES: tuple[Rule, ...] = (
    _rule(NoSpaceLeft, r"no space left on device", r"disk quota exceeded"),
    _rule(
        StateUnreadable,
        r"state snapshot was created by Terraform", r"Unsupported state file format", r"State file .*(newer|corrupt)",
        r"Failed to load state", r"does not support .* version of the state", r"unsupported state format",
    ),
    _rule(StateLocked, r"Lock Info:\s+ID:", r"state blob is already locked"),
    _rule(StalePlan, r"Saved plan is stale", r"Saved plan does not match the given state"),
    _rule(TerraformCrashed, r"Plugin did not respond", r"Unrecognized remote plugin message", r"The plugin crashed", r"TERRAFORM CRASH", r"^panic:", r"!!!!!!!!!!"),
    _rule(ProviderChecksum, r"checksum", r"doesn't match any of the checksums", r"Failed to install provider from shared cache"),
    _rule(
        ProviderUnavailable,
        r"Failed to query available provider packages", r"Failed to install provider", r"Required plugins are not installed",
        r"Failed to resolve provider packages", r"Inconsistent dependency lock file", r"registry does not have a provider named",
        r"Missing required provider", r"unavailable provider", r"failed to load plugin schemas", r"Failed to load plugin schemas",
    ),
    _rule(
        ModuleUnavailable,
        r"Module not installed", r"Unreadable module directory", r"Failed to download module", r"Module not found",
        r"Error accessing remote module registry", r"Could not download module", r"Invalid registry module source address",
    ),
    _rule(
        CredentialsRefused,
        r"No valid credential sources", r"InvalidClientTokenId", r"ExpiredToken", r"SignatureDoesNotMatch", r"AuthFailure",
        r"failed to refresh cached credentials", r"UnrecognizedClientException", r"no EC2 IMDS role found",
        r"RequestTimeTooSkewed", r"RequestExpired", r"Signature (expired|not yet current)",
        r"failed to get shared config profile", r"security token included in the request is (invalid|expired)",
    ),
    _rule(PermissionDenied, r"AccessDenied", r"UnauthorizedOperation", r"is not authorized to perform", r"StatusCode: 403"),
    _rule(
        EndpointUnreachable,
        r"connection refused", r"no such host", r"network is unreachable", r"no route to host", r"i/o timeout",
        r"dial tcp .* timeout", r"connection reset by peer",
    ),
    _rule(Throttled, r"RequestLimitExceeded", r"Throttling", r"TooManyRequests", r"SlowDown", r"StatusCode: 429"),
    _rule(QuotaExceeded, r"LimitExceeded", r"quota"),
    _rule(StillInUse, r"DependencyViolation", r"DeleteConflict", r"ResourceInUse", r"InvalidIPAddress\.InUse", r"InvalidGroup\.InUse", r"VolumeInUse"),
    _rule(EndpointFailing, r"StatusCode: 5\d\d", r"InternalError", r"InternalFailure", r"ServiceUnavailable", r"\bUnavailable: "),
    _rule(StateLocked, r"Error acquiring the state lock", r"Error locking state"),  # nobody's name, and no other reason
    _rule(VersionConflict, r"Unsupported Terraform Core version"),
    _rule(
        BackendChanged,
        r"Backend configuration changed", r"Backend initialization required", r"Backend type changed", r"Error migrating state",
        r"Backend configuration block has changed", r"Migrat(e|ing) state",
    ),
    _rule(MissingVariable, r"No value for required variable"),
    _rule(UnknownVariable, r"Value for undeclared variable"),
    _rule(InvalidVariable, r"Invalid value for (input )?variable", r"Unsuitable value for (input )?variable", r"Invalid value for input variable"),
    _rule(UnknownUntilApply, r"Invalid for_each argument", r"Invalid count argument"),
    _rule(DestroyPrevented, r"Instance cannot be destroyed"),
    _rule(PreconditionFailed, r"Resource precondition failed", r"Resource postcondition failed", r"Module output value precondition failed"),
)  # fmt: skip


PREAMBLE = "Terraform encountered problems during initialisation"
"""The summary of an error that only says that there are others."""


def classify(
    diagnostics: Sequence[Diagnostic], stderr: str, *, subject: str, command: str, stage: str = ""
) -> TerraformFailed:
    """The error for what Terraform said. `subject` names the stack; `stage` is "apply" where resources were acted on."""
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    errors = [one for one in errors if not one.summary.startswith(PREAMBLE)] or errors
    first, kind = _first(errors, stderr, stage)
    words = _last_words(stderr) if first is None else _holder(first) if kind is StateLocked else _told(first)
    message = f"{subject}: terraform {command}: {words}"
    if len(errors) > 1:
        message += f" (and {len(errors) - 1} more)"
    return kind(message, facts=_facts(first, kind), diagnostics=diagnostics)


def _first(errors: Sequence[Diagnostic], stderr: str, stage: str) -> tuple[Diagnostic | None, type[TerraformFailed]]:
    """The error that tells most, and its class."""
    for rule in RULES:
        for one in errors:
            if rule.words.search(f"{one.summary}\n{one.detail}"):
                return one, rule.error
    if not errors:
        kind = next((rule.error for rule in RULES if rule.words.search(stderr)), TerraformFailed)
        return None, kind
    if stage == "apply" or errors[0].address:
        return errors[0], ResourceFailed
    placed = next((one for one in errors if one.where), None)
    return (placed, ConfigurationInvalid) if placed else (errors[0], TerraformFailed)


def _told(one: Diagnostic) -> str:
    """Where, what, and why in one line; the whole of it stays in the diagnostic."""
    why = " ".join(" ".join(one.detail.split("\n\n")[:2]).split())
    words = f"{one.summary}: {why}" if why and why != one.summary else one.summary
    return ": ".join(part for part in (one.where, one.address, words) if part)


def _holder(one: Diagnostic) -> str:
    lock = _lock(one)
    if not lock:
        return _told(one)
    return f"the state is locked by {lock.get('who')} since {lock.get('created')} (lock {lock.get('id')})"


def _last_words(stderr: str) -> str:
    return stderr.strip()[-600:] or "it ended without a word"


_LOCK_FACT = re.compile(r"^\s*(ID|Path|Operation|Who|Version|Created):\s*(.*?)\s*$", re.MULTILINE)


def _facts(first: Diagnostic | None, kind: type[TerraformFailed]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if first is not None:
        facts = {key: value for key, value in (("where", first.where), ("address", first.address)) if value}
        if kind is StateLocked:
            facts["lock"] = _lock(first)
    return facts


def _lock(one: Diagnostic) -> dict[str, str]:
    return {name.lower(): value for name, value in _LOCK_FACT.findall(one.detail)}
