from datetime import timedelta

import pytest

from lifecycle.blueprint.scalars import describe, format_duration, parse_duration
from lifecycle.blueprint.sources import KeyKind, KeySource, SecretRef, SecretScheme, parse_key, parse_secret


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("500ms", timedelta(milliseconds=500)),
        ("1m500ms", timedelta(minutes=1, milliseconds=500)),
        ("2d", timedelta(days=2)),
        ("1w2d3h4m5s6ms", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5, milliseconds=6)),
        ("90m", timedelta(minutes=90)),
        ("0s", timedelta(0)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 m", "1.5h", "30m1h", "1h1h", "-5s", "5M", "5min", "999999999w", "1h ", "٣s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert parse_duration(text) is None


def test_durations_are_written_in_the_fewest_parts() -> None:
    assert format_duration(timedelta(minutes=90)) == "1h30m"
    assert format_duration(timedelta(0)) == "0s"
    assert format_duration(timedelta(weeks=1, milliseconds=1)) == "7d1ms"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("env:TOKEN", SecretRef(SecretScheme.ENV, "TOKEN")),
        ("file:~/x y", SecretRef(SecretScheme.FILE, "~/x y")),
        ("generate:24", SecretRef(SecretScheme.GENERATE, "24")),
    ],
)
def test_the_sources_of_secrets_are_read_and_written(text: str, source: SecretRef) -> None:
    assert parse_secret(text) == source
    assert str(source) == text


@pytest.mark.parametrize(
    "text", ["", "env:", "env:A B", "file:", "generate:7", "generate:513", "generate:x", "vault:a", "hunter2"]
)
def test_other_sources_of_secrets_are_refused(text: str) -> None:
    assert parse_secret(text) is None


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("generate", KeySource(KeyKind.GENERATE)),
        ("agent", KeySource(KeyKind.AGENT)),
        ("file:~/.ssh/id_ed25519", KeySource(KeyKind.FILE, "~/.ssh/id_ed25519")),
    ],
)
def test_the_sources_of_ssh_keys_are_read_and_written(text: str, source: KeySource) -> None:
    assert parse_key(text) == source
    assert str(source) == text


@pytest.mark.parametrize("text", ["", "file", "file:", "~/.ssh/id"])
def test_other_sources_of_ssh_keys_are_refused(text: str) -> None:
    assert parse_key(text) is None


def test_values_are_described_in_words_and_briefly() -> None:
    assert describe(None) == "nothing"
    assert describe(True) == "the boolean true"
    assert describe(5) == "the number 5"
    assert describe("x") == "the text 'x'"
    assert describe([1]) == "a list"
    assert describe({}) == "a mapping"
    assert len(describe("x" * 1000)) < 80
    assert len(describe(10**200)) < 80
