"""aws-ssm:/PATH and aws-sm:NAME[#KEY]: parameters of AWS Systems Manager, and secrets of AWS Secrets Manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol, TypeVar

from adapters.secrets.documents import part
from adapters.secrets.errors import SecretAway, SecretMissing, SecretRefused
from adapters.secrets.file import decoded
from lifecycle.errors import BatonError

T = TypeVar("T")


class Cloud(Protocol):
    """What is needed of the cloud: clients of its services, and failures in words (`facts["code"]` is the API's)."""

    def client(self, service: str) -> Any: ...
    def ask(self, what: str, question: Callable[[], T]) -> T: ...


ABSENT: Final = {"ParameterNotFound", "ParameterVersionNotFound", "ResourceNotFoundException"}
REFUSED: Final = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "ExpiredToken",
    "ExpiredTokenException",
    "KMSAccessDeniedException",
    "DecryptionFailure",
}


def parameter(place: str, cloud: Cloud) -> str:
    """The parameter's value, decrypted where it is a SecureString. Raises SecretMissing."""
    what = f"the parameter {place}"
    answer = _asked(cloud, what, lambda: cloud.client("ssm").get_parameter(Name=place, WithDecryption=True))
    return _some(answer["Parameter"]["Value"], what)


def managed(place: str, key: str, cloud: Cloud) -> str:
    """The secret's current version, or the text at a key of its JSON. Raises SecretMissing."""
    what = f"the secret {place}"
    answer = _asked(cloud, what, lambda: cloud.client("secretsmanager").get_secret_value(SecretId=place))
    text = answer["SecretString"] if "SecretString" in answer else decoded(answer["SecretBinary"], what)
    return _some(part(text, key, what) if key else text, what)


def _some(text: str, what: str) -> str:
    if not text:
        raise SecretMissing(f"{what} is empty")
    return text


def _asked(cloud: Cloud, what: str, question: Callable[[], Any]) -> Any:
    try:
        return cloud.ask(what, question)
    except BatonError as error:
        _told(error, what)


def _told(error: BatonError, what: str) -> NoReturn:
    """Raise what the cloud's failure means for the secret."""
    code = str(error.facts.get("code", ""))
    facts = {"code": code}
    if error.trouble is not None:
        away = SecretAway(error.message, hint=error.hint, facts=facts)
        away.trouble = error.trouble
        raise away from None
    if code in ABSENT:
        hint = "is it in this account and region, and in this cloud (BATON_CLOUD)?"
        raise SecretMissing(
            f"{what} does not exist in the cloud that the settings name", hint=hint, facts=facts
        ) from None
    if code in REFUSED:
        hint = "they need ssm:GetParameter or secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own"
        raise SecretRefused(f"{what} may not be read with these credentials ({code})", hint=hint, facts=facts) from None
    raise SecretMissing(error.message, hint=error.hint, facts=facts) from None
