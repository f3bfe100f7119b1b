"""The scrubber: what it finds, and what it lets be."""

import base64
import json
import shlex
import threading
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from lifecycle.scrub import CUT, Scrubber
from lifecycle.sensitive import Sensitive

SECRET = "pa/ss w\"rd+<Ä>&'1"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"a": SECRET})),
        json.dumps(SECRET).replace("/", "\\/"),
        json.dumps(SECRET, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        repr(SECRET),
        shlex.quote(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode()).decode(),
        base64.b64encode(b"someuser:" + SECRET.encode() + b"\n").decode(),
    ],
)
def test_a_secret_is_found_as_tools_write_it(written: str) -> None:
    scrubbed = Scrubber([SECRET]).text(f"before {written} after")
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    assert "***" in scrubbed
    assert "ss w" not in scrubbed
    assert len(scrubbed) <= len("before  after") + 20, scrubbed


def test_the_rest_of_a_text_stays_as_it_is() -> None:
    scrubber = Scrubber(["secret-one", "secret-two"])
    assert scrubber.text("a secret-one b\nsecret-twosecret-one c") == "a *** b\n*** c"
    assert scrubber.text("nothing here, not even secret") == "nothing here, not even secret"
    assert Scrubber().text("anything") == "anything"


def test_secrets_that_overlap_leave_no_rest_of_either() -> None:
    assert Scrubber(["abcdefgh", "efghijkl"]).text("<abcdefghijkl>") == "<***>"
    assert Scrubber(["abcabcabc"]).text("<abcabcabcabc>") == "<***>"


def test_each_line_of_a_private_key_is_a_secret_and_its_frame_is_not() -> None:
    key = "-----BEGIN KEY-----\nAAAAfirstline\n  BBBBsecondline\n-----END KEY-----\n"
    scrubber = Scrubber([key])
    assert scrubber.text("log: BBBBsecondline") == "log: ***"
    assert scrubber.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"
    assert scrubber.text(json.dumps({"key": key})) == '{"key": "***"}'


def test_a_secret_is_found_without_the_newline_that_its_file_ended_with() -> None:
    assert Scrubber(["hunter2-hunter2\n"]).text("it is hunter2-hunter2!") == "it is ***!"


def test_what_is_short_is_let_be_and_said_so() -> None:
    scrubber = Scrubber()
    assert scrubber.add("10") is False
    assert scrubber.add("long-enough") is True
    assert scrubber.text("10 of long-enough") == "10 of ***"


def test_every_text_inside_a_value_is_a_secret() -> None:
    scrubber = Scrubber()
    known = scrubber.add({"user": "somebody", "ports": [123456, True, None], "nested": Sensitive(["deep-secret"])})
    assert known
    assert scrubber.text("user somebody 123456 deep-secret True None") == "user *** *** *** True None"


def test_a_value_is_scrubbed_in_all_its_texts() -> None:
    scrubber = Scrubber(["secret-one"])
    value: Any = {"a": ["x secret-one", 1, None], "secret-one": {"b": Sensitive("other")}, "t": ("secret-one",)}
    assert scrubber.value(value) == {"a": ["x ***", 1, None], "***": {"b": "***"}, "t": ["***"]}


def test_for_one_thing_every_secret_counts_and_those_of_all_too() -> None:
    scrubber = Scrubber(["known-to-all"])
    mask = scrubber.masking(["pw"])
    assert mask("pw and known-to-all") == "*** and ***"
    scrubber.add("learned-later")
    assert mask("learned-later") == "***"
    assert scrubber.text("pw") == "pw"


def test_a_secret_that_is_split_over_two_pieces_does_not_leak() -> None:
    stream = Scrubber(["secret-one"]).stream()
    assert stream.feed("it is sec") == ""
    assert stream.feed("ret-one\nand ") == "it is ***\n"
    assert stream.feed("more") == ""
    assert stream.close() == "and more"
    assert stream.close() == ""


def test_a_line_without_an_end_is_given_out_but_for_what_may_become_a_secret() -> None:
    stream = Scrubber(["secret-one"]).stream(limit=20)
    assert stream.feed("." * 20) == ""
    assert stream.feed("...sec") == "." * 23
    assert stream.feed("ret-one" + "." * 20) == "***" + "." * 20


def test_secrets_may_be_added_while_others_scrub() -> None:
    scrubber, wrong = Scrubber(), list[str]()
    secrets = [f"secret-number-{n:03}" for n in range(200)]

    def add() -> None:
        for secret in secrets:
            scrubber.add(secret)
            if secret in scrubber.text(f"x {secret} y"):
                wrong.append(secret)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert scrubber.text(" ".join(secrets)).replace("*", "").strip() == ""


def test_half_a_secret_beside_a_cut_is_masked_too() -> None:
    scrubber = Scrubber(["the-secret-of-all"])
    assert scrubber.text(f"it was the-sec{CUT}t-of-all, you know") == f"it was ***{CUT}***, you know"
    assert scrubber.text(f"a the{CUT}") == f"a the{CUT}", "three characters say nothing"
    assert scrubber.text(f"a the-{CUT}b the-s{CUT}") == f"a ***{CUT}b ***{CUT}"


def test_what_is_known_above_is_known_below_also_when_it_comes_later() -> None:
    above = Scrubber()
    below = Scrubber(["only-here"], above=above)
    above.add("learned-later")
    assert below.text("only-here learned-later") == "*** ***"
    assert above.text("only-here learned-later") == "only-here ***"


def test_bytes_that_python_prints_are_found() -> None:
    assert Scrubber(["pässwörd"]).text(str("x pässwörd".encode())) == "b'x ***'"
