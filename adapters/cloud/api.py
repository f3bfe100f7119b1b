"""The AWS API, or one that is compatible: clients made when first needed, and failures in plain words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from lifecycle.errors import BatonError, Trouble

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

TIMEOUT_SECONDS: Final = 5
ATTEMPTS: Final = 3

_KEYS: Final = ("endpoint_url", "region", "access_key", "secret_key", "proxy_command")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Which cloud, and as whom. Everything empty: AWS itself, with what its own tools would use (profile, role, environment)."""

    endpoint_url: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    proxy_command: str = ""  # how its hosts are reached; `{instance_id}` stands for the instance's id, %p is ssh's own

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> AwsSettings:
        """From a cloud's description, as the local cloud writes it. Keys that are not ours are passed over."""
        return cls(**{key: str(description[key]) for key in _KEYS if description.get(key)})

    @property
    def label(self) -> str:
        """The cloud in words, for messages."""
        return f"the cloud at {self.endpoint_url}" if self.endpoint_url else f"AWS ({self.region or 'default region'})"

    @property
    def is_loopback(self) -> bool:
        host = urlsplit(self.endpoint_url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class Aws:
    """Clients of one cloud. Safe among threads. boto3 is imported at the first call: it costs 0.3 s."""

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    @property
    def ec2(self) -> EC2Client:
        client: EC2Client = self.client("ec2")
        return client

    @property
    def tagging(self) -> ResourceGroupsTaggingAPIClient:
        client: ResourceGroupsTaggingAPIClient = self.client("resourcegroupstaggingapi")
        return client

    def ask(self, what: str, question: Callable[[], T]) -> T:
        """The answer to a question; a failure is a BatonError that names the cloud and what was asked."""
        with self._in_words(what):
            return question()

    def client(self, service: str) -> Any:
        """A client of any service, made once."""
        with self._lock:
            if service not in self._clients:
                with self._in_words(f"a connection to {service}"):
                    self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        settings = self.settings
        config = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path"} if settings.endpoint_url else None,  # a bucket is no host's name there
            proxies={} if settings.is_loopback else None,  # a proxy for the internet knows nothing of our loopback
        )
        session = boto3.session.Session(
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            region_name=settings.region or None,
        )
        return session.client(service, endpoint_url=settings.endpoint_url or None, config=config)  # type: ignore[call-overload]

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        from botocore import exceptions as aws
        from botocore.parsers import ResponseParserError

        try:
            yield
        except (
            aws.EndpointConnectionError,
            aws.ConnectTimeoutError,
            aws.ReadTimeoutError,
            aws.ConnectionClosedError,
        ) as error:
            raise self._silent(what, error) from error
        except (ResponseParserError, KeyError) as error:  # a page of something in between may even be XML
            raise CloudSilent(
                f"{self.settings.label} answered with something that is no answer (asked for {what})",
                hint="is this an AWS-compatible endpoint, and nothing else in between? If so, run it again",
                facts={"endpoint": self.settings.endpoint_url, "said": str(error)[:200]},
            ) from error
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.NoRegionError) as error:
            raise BatonError(
                f"{self.settings.label} cannot be asked for {what}: {error}",
                hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
            ) from error
        except aws.ClientError as error:
            raise self._refused(what, error) from error
        except aws.BotoCoreError as error:
            raise BatonError(
                f"{self.settings.label} could not be asked for {what}: {error}",
                hint="look at AWS_PROFILE, AWS_REGION and the endpoint that BATON_CLOUD names",
            ) from error

    def _silent(self, what: str, error: BotoCoreError) -> CloudSilent:
        """The error for a cloud from which no answer came."""
        endpoint = self.settings.endpoint_url
        facts = {"endpoint": endpoint, "error": type(error).__name__}
        if "resolve" in str(error.kwargs.get("error", "")):  # urllib3's words for a name without an address
            name = urlsplit(endpoint or str(error.kwargs.get("endpoint_url", ""))).hostname
            words = f"{self.settings.label} cannot be found: '{name}' does not resolve (asked for {what})"
            return CloudSilent(words, hint="is the name right, and does this machine have a name server?", facts=facts)
        hint = "look at the network and the region"
        if self.settings.is_loopback:
            hint = "is it up? For the local cloud: `baton cloud up`"
        return CloudSilent(f"{self.settings.label} does not answer (asked for {what})", hint=hint, facts=facts)

    def _refused(self, what: str, error: ClientError) -> CloudRefused:
        """The error for an answer that is none. Where it has no code of the API, its HTTP status stands for it."""
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = error.response.get("Error", {}).get("Code", "")
        code = str(status) if code in ("", "Unknown") else code
        did = "failed at" if status >= 500 else "refused"
        hint = _HINTS.get(code, "its own words say why; put that right, and run it again")
        return CloudRefused(f"{self.settings.label} {did} {what}: {error}", hint=hint, facts={"code": code})


class CloudSilent(BatonError):
    """The cloud does not answer."""

    trouble = Trouble.UNREACHABLE


class CloudRefused(BatonError):
    """The cloud answered, and said no."""

    def __init__(self, message: str = "", *, hint: str = "", facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint, facts=facts)
        self.trouble = next((trouble for trouble, words in _TROUBLES.items() if words.search(self.code)), None)
        if self.trouble:
            self.hint = _PASSING[self.trouble]

    @property
    def code(self) -> str:
        """The API's error code."""
        return str(self.facts.get("code", ""))


_TROUBLES: Final = {
    Trouble.THROTTLED: re.compile(r"RequestLimitExceeded|Throttl|TooManyRequests|SlowDown|^429$"),
    Trouble.UNREACHABLE: re.compile(r"Internal(Error|Failure)|Unavailable|RequestTimeout$|^5\d\d$"),
    Trouble.IN_USE: re.compile(r"DependencyViolation|InUse|DeleteConflict|IncorrectState|CannotDelete"),
}
"""Error codes that pass; a bare number is the HTTP status of an answer that was not the API's own. What cannot be deleted by itself goes with what it belongs to, such as a VPC's default group."""

_PASSING: Final = {
    Trouble.THROTTLED: "run it again in a moment: the cloud is asked too often",
    Trouble.UNREACHABLE: "run it again; if it stays so, look at the cloud's status",
    Trouble.IN_USE: "look in the cloud for what uses it",
}

_HINTS: Final = {
    "UnauthorizedOperation": "the credentials need permission for this call",
    "AccessDeniedException": "the credentials need permission for this call",
    "AuthFailure": "are these credentials for this cloud?",
    "ExpiredToken": "log in again",
    "RequestExpired": "is this machine's clock right? (`timedatectl`)",
    "RequestTimeTooSkewed": "is this machine's clock right? (`timedatectl`)",
}
