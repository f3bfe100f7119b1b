"""What boto3 meets at an API with faults, and what is made of it: whether it may pass, and what a person does."""

import pytest

from adapters.cloud.api import Aws, AwsSettings, CloudRefused, CloudSilent
from adapters.cloud.hosts import AwsHosts
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, Trouble
from tests.support.faulty import Fault, faulty

REF = EnvironmentRef("shop", "dev")


def asked(url: str) -> BatonError:
    """How a look for hosts at this endpoint fails."""
    with pytest.raises(BatonError) as raised:
        AwsHosts(Aws(AwsSettings(url, "eu-west-1", "test", "test"))).discover(REF, "web")
    return raised.value


@pytest.mark.parametrize(
    ("fault", "trouble", "words"),
    [
        (500, Trouble.UNREACHABLE, "failed at the instances of shop/dev"),
        (503, Trouble.UNREACHABLE, "failed at the instances of shop/dev"),
        (429, Trouble.THROTTLED, "refused the instances of shop/dev"),
        (403, None, "refused the instances of shop/dev"),
        (200, Trouble.UNREACHABLE, "answered with something that is no answer"),
    ],
)
def test_an_answer_of_something_in_between_is_read_by_its_status(
    monkeypatch: pytest.MonkeyPatch, fault: Fault, trouble: Trouble | None, words: str
) -> None:
    monkeypatch.setattr("adapters.cloud.api.ATTEMPTS", 1)
    with faulty("http://127.0.0.1:1") as proxy:
        proxy.fails(fault)
        error = asked(proxy.url)
    assert error.trouble is trouble
    assert words in error.message
    assert error.hint
    assert isinstance(error, CloudRefused | CloudSilent)


def test_a_name_that_does_not_resolve_is_said_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.cloud.api.ATTEMPTS", 1)
    error = asked("http://baton-test.invalid:5000")
    assert "cannot be found: 'baton-test.invalid' does not resolve" in error.message
    assert error.trouble is Trouble.UNREACHABLE


def test_a_cloud_that_hangs_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.cloud.api.ATTEMPTS", 1)
    monkeypatch.setattr("adapters.cloud.api.TIMEOUT_SECONDS", 0.3)
    with faulty("http://127.0.0.1:1") as proxy:
        proxy.fails("hang")
        error = asked(proxy.url)
    assert "does not answer" in error.message
    assert "baton cloud up" in error.hint
    assert error.trouble is Trouble.UNREACHABLE
