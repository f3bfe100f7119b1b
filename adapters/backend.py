"""Which bucket keeps the states: the blueprint's, else the setting's, else none."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from adapters.settings import Settings, SettingsInvalid
from lifecycle.blueprint.backend import S3
from lifecycle.blueprint.model import Blueprint
from lifecycle.errors import BatonError, ExitCode

_HINT = "write BATON_BACKEND=s3://BUCKET/PREFIX?region=REGION; PREFIX, region, kms_key and endpoint may be left out"
_OPTIONS = frozenset({"region", "kms_key", "endpoint"})


class StateNotShared(BatonError):
    """Several machines share the store, and a state would lie on one of them."""

    exit_code = ExitCode.USAGE

    def __init__(self, stacks: Iterable[str], store: str) -> None:
        names = ", ".join(stacks)
        super().__init__(
            f"other machines share the store ({store}), and would not find the state of: {names}",
            hint="name a bucket for states: BATON_BACKEND=s3://BUCKET/PREFIX?region=REGION, or `backend:` in the blueprint, or a backend "
            "in the module; where one machine alone ever runs Baton: BATON_LOCAL_STATE=allow",
            facts={"stacks": sorted(stacks)},
        )


def local_state_allowed(settings: Settings) -> bool:
    """Whether states may stay on the machine that applied them although others share the store. Raises SettingsInvalid."""
    if settings.local_state not in ("", "refuse", "allow"):
        raise SettingsInvalid("the setting 'local_state' is neither refuse nor allow", hint="BATON_LOCAL_STATE=allow")
    return settings.local_state == "allow"


def chosen(settings: Settings, blueprint: Blueprint | None = None) -> S3 | None:
    """The bucket for stacks whose module names no backend; None where their states stay on this machine. Raises SettingsInvalid."""
    if blueprint and blueprint.backend:
        return blueprint.backend.s3
    return parsed(settings.backend) if settings.backend else None


def parsed(text: str) -> S3:
    """`s3://bucket/prefix?region=…&kms_key=…&endpoint=…`. Raises SettingsInvalid, which shows no value: one may be a password."""
    url = urlsplit(text)
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    if url.scheme != "s3" or url.fragment:
        raise SettingsInvalid("the setting 'backend' does not begin with s3://", hint=_HINT)
    if unknown := sorted(options.keys() - _OPTIONS):
        raise SettingsInvalid(f"the setting 'backend' does not know {', '.join(unknown)}", hint=_HINT)
    prefix = url.path.strip("/") or None
    try:
        return S3.model_validate({"bucket": url.netloc, "prefix": prefix, **options})
    except ValidationError as error:
        wrong = sorted({str(one["loc"][0]) for one in error.errors()})
        raise SettingsInvalid(
            f"the setting 'backend' has no right {' and no right '.join(wrong)}", hint=_HINT
        ) from None
