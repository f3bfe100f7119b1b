"""Secrets of AWS, from a moto server in this process: real requests, real answers, and real refusals."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from adapters.cloud.api import Aws, AwsSettings
from adapters.secrets import SecretMissing, Secrets
from adapters.secrets.aws import managed
from adapters.secrets.errors import SecretAway, SecretRefused
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import Trouble
from tests.support.servers import Answer, closed_port, http_server

DEV = EnvironmentRef("shop", "dev")
CANARY = 'canary "of" AWS\'s'


def aws_at(url: str) -> Aws:
    return Aws(AwsSettings(endpoint_url=url, region="eu-west-1", access_key="test", secret_key="test"))


def patient(settings: AwsSettings, service: str) -> Any:
    """A client that waits for moto, which loads a service at its first request."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=Config(read_timeout=60, proxies={}),
    )


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        cloud = aws_at(f"http://{host}:{port}")
        ssm, manager = (patient(cloud.settings, service) for service in ("ssm", "secretsmanager"))
        ssm.put_parameter(Name="/shop/dev/token", Value=CANARY, Type="SecureString")
        ssm.put_parameter(Name="/shop/dev/plain", Value="not encrypted", Type="String")
        manager.create_secret(Name="shop/dev", SecretString=json.dumps({"db": {"password": CANARY}, "pin": 123456}))
        manager.create_secret(Name="shop/text", SecretString=CANARY)
        manager.create_secret(Name="shop/binary", SecretBinary=CANARY.encode())
        manager.create_secret(Name="shop/bytes", SecretBinary=b"\xff\xfe")
        yield cloud
    finally:
        server.stop()


def resolved(folder: Path, cloud: Aws, reference: str) -> str:
    return Secrets(folder, cloud=lambda: cloud).resolve(DEV, "db", reference)


def failure(folder: Path, cloud: Aws, reference: str) -> SecretMissing:
    with pytest.raises(SecretMissing, match="secret 'db': ") as caught:
        resolved(folder, cloud, reference)
    assert "canary" not in f"{caught.value.message} {caught.value.hint} {caught.value.facts}"
    return caught.value


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("aws-ssm:/shop/dev/token", CANARY),
        ("aws-ssm:/shop/dev/plain", "not encrypted"),
        ("aws-sm:shop/text", CANARY),
        ("aws-sm:shop/binary", CANARY),
        ("aws-sm:shop/dev#db.password", CANARY),
        ("aws-sm:shop/dev#pin", "123456"),
    ],
)
def test_what_aws_keeps_is_read(tmp_path: Path, aws: Aws, reference: str, value: str) -> None:
    assert resolved(tmp_path, aws, reference) == value


def test_a_secret_may_be_named_by_its_arn(tmp_path: Path, aws: Aws) -> None:
    arn = aws.client("secretsmanager").describe_secret(SecretId="shop/text")["ARN"]
    assert resolved(tmp_path, aws, f"aws-sm:{arn}") == CANARY


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("aws-ssm:/gone", "the parameter /gone does not exist"),
        ("aws-sm:gone", "the secret gone does not exist"),
        ("aws-sm:shop/dev#token", "has no key 'token'"),
        ("aws-sm:shop/text#token", "has no key 'token'"),
        ("aws-sm:shop/bytes", "is not UTF-8 text"),
    ],
)
def test_what_aws_has_not_is_said_and_nothing_else_shown(tmp_path: Path, aws: Aws, reference: str, words: str) -> None:
    assert words in failure(tmp_path, aws, reference).message


def test_a_refusal_says_what_is_needed(tmp_path: Path) -> None:
    def refuse(_: str) -> Answer:
        body = {"__type": "AccessDeniedException", "message": "User: arn:aws:iam::1:user/x is not authorized"}
        return Answer(400, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})

    with http_server(refuse) as server:
        error = failure(tmp_path, aws_at(server.url("")), "aws-ssm:/shop/dev/token")
    assert isinstance(error, SecretRefused)
    assert "ssm:GetParameter" in error.hint


def test_a_cloud_that_is_away_may_be_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.cloud.api.ATTEMPTS", 1)
    error = failure(tmp_path, aws_at(f"http://127.0.0.1:{closed_port()}"), "aws-sm:shop/text")
    assert isinstance(error, SecretAway)
    assert error.trouble is Trouble.UNREACHABLE


def test_an_empty_secret_is_none() -> None:
    class Empty:
        def client(self, service: str) -> Any:
            return self

        def ask(self, what: str, question: Any) -> Any:
            return {"SecretString": ""}

    with pytest.raises(SecretMissing, match="is empty"):
        managed("shop", "", Empty())
