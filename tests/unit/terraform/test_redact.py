"""Secrets in what Terraform says."""

import base64
import json
import urllib.parse
from typing import Any

import pytest

from adapters.terraform.redact import marked, masked
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import Sensitive, sensitive_parts

SECRET = 'pä"ss/w0rd+&'


@pytest.mark.parametrize(
    ("value", "marker", "expected"),
    [
        ("x", True, "***"),
        (None, True, None),
        ({"a": 1, "b": {"c": 2}}, {"b": True}, {"a": 1, "b": "***"}),
        ([1, {"a": 2}, 3], [False, {"a": True}], [1, {"a": "***"}, 3]),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, False, {"a": 1}),
        (5, {"a": True}, 5),
    ],
)
def test_values_are_masked_by_the_marker_that_mirrors_them(value: Any, marker: Any, expected: Any) -> None:
    assert masked(value, marker) == expected


@pytest.mark.parametrize(
    "encoded",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        *(base64.b64encode(b"x" * n + SECRET.encode() + b"tail").decode() for n in range(6)),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_known_secret_is_found_in_every_spelling(encoded: str) -> None:
    scrubbed = Scrubber([SECRET]).text(f"user_data: {encoded}, end")
    assert "***" in scrubbed
    assert SECRET not in scrubbed
    assert scrubbed.startswith("user_data: ")


def test_short_values_are_not_looked_for() -> None:
    assert Scrubber(["no", 1, True, None]).text("no 1 True None") == "no 1 True None"


def test_every_text_of_a_structure_is_scrubbed() -> None:
    scrub = Scrubber([{"a": ["first-secret"]}, 12345678])
    assert scrub.value({"k": ["first-secret", {"n": "x 12345678"}], "b": 3}) == {"k": ["***", {"n": "x ***"}], "b": 3}


def test_a_secret_of_several_lines_is_found_line_by_line() -> None:
    assert Scrubber(["line number one\nline number two"]).text("> line number two") == "> ***"


def test_what_is_wrapped_is_found_at_any_depth() -> None:
    value = {"a": [1, Sensitive("x"), {"b": Sensitive({"c": "y"})}]}
    assert list(sensitive_parts(value)) == ["x", {"c": "y"}]


def test_texts_under_a_marker_are_told_and_marked_structures_are_not() -> None:
    value = {
        "password": "a-long-password",
        "mode": "default",
        "all": {"region": "somewhere-west"},
        "list": ["x", "the-second"],
    }
    marker = {"password": True, "mode": True, "all": True, "list": [False, True]}
    assert list(marked(value, marker)) == ["a-long-password", "the-second"]
    assert list(marked("anything", False)) == []
