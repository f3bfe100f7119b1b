"""Which cloud is meant: an AWS-compatible endpoint, described by a value that the local cloud and users write alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.settings import Settings
from lifecycle.errors import BatonError, ExitCode


class CloudUnavailable(BatonError):
    """The cloud that the settings name is not there."""

    exit_code = ExitCode.FAILED


class CloudUnknown(BatonError):
    """What BATON_CLOUD says is no cloud."""

    exit_code = ExitCode.USAGE


_CLOUDS = "BATON_CLOUD is 'local', 'aws', an endpoint's URL or the path of a description file (JSON)"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An AWS-compatible cloud. Empty texts mean: as the AWS environment says.

    `broker` is the local cloud's socket that opens connections from inside it; `proxy_command` is how ssh reaches an
    instance through it, with {instance_id} in it. `operator_proxy_command` is how it reaches a public address as an operator
    does, from `operator_cidr`.
    """

    name: str
    endpoint_url: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    broker: str = ""
    proxy_command: str = ""
    operator_proxy_command: str = ""
    operator_cidr: str = ""

    def variables(self) -> Mapping[str, str]:
        """Environment variables that point AWS tools at this cloud. Empty for AWS itself: yours are used as they are."""
        if not self.endpoint_url:
            return {"AWS_REGION": self.region} if self.region else {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region or "eu-west-1",
            "AWS_ACCESS_KEY_ID": self.access_key or "test",
            "AWS_SECRET_ACCESS_KEY": self.secret_key or "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_S3_USE_PATH_STYLE": "true",
            "AWS_MAX_ATTEMPTS": "4",  # for AWS's own tools and SDKs; Terraform's provider does not read it
        }


def find(settings: Settings) -> Endpoint:
    """The endpoint that the settings name. Raises CloudUnavailable when the local cloud does not run, CloudUnknown."""
    match settings.cloud:
        case "aws":
            return Endpoint("aws")
        case "local":
            path = settings.cloud_home / "cloud.json"
            if not path.is_file():
                raise CloudUnavailable("the local cloud is not running", hint="start it: baton cloud up")
            return _read(path)
        case url if url.startswith(("http://", "https://")):
            return Endpoint(url, endpoint_url=url)
        case text:
            return _read(Path(text).expanduser())


def _read(path: Path) -> Endpoint:
    try:
        given = json.loads(path.read_text())
        return Endpoint(**{k: str(given[k]) for k in Endpoint.__slots__ if k in given})
    except FileNotFoundError:
        raise CloudUnknown(f"'{path}' is no cloud, and no file with a cloud's description", hint=_CLOUDS) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CloudUnknown(f"{path}: not a cloud's description: {error}", hint=_CLOUDS) from None
