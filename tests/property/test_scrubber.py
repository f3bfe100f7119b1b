"""The scrubber against any secret in any text."""

import base64
import itertools
import json
from urllib.parse import quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from lifecycle.scrub import MINIMUM, Scrubber
from lifecycle.sensitive import MASK

# Without the mask's own character, and without what a line ends with: streams are made of lines.
characters = st.characters(blacklist_characters="*", blacklist_categories=("Cs", "Cc", "Zl", "Zp"))
secrets = st.text(characters, min_size=MINIMUM, max_size=40).filter(lambda text: len(text.strip()) >= MINIMUM)
texts = st.text(characters, max_size=60)
few = st.text("ab", min_size=MINIMUM, max_size=12)  # so few letters that secrets overlap


@given(texts, secrets, texts)
def test_no_secret_is_left_raw_or_escaped(before: str, secret: str, after: str) -> None:
    scrubber = Scrubber([secret])
    whole = before + secret + after
    for written in (whole, json.dumps(whole), json.dumps(whole, ensure_ascii=False), quote_plus(whole), repr(whole)):
        scrubbed = scrubber.text(written)
        assert MASK in scrubbed
        assert secret not in scrubbed
        assert json.dumps(secret)[1:-1] not in scrubbed
        assert quote_plus(secret) not in scrubbed


@given(st.binary(max_size=20), secrets, st.binary(max_size=20))
def test_in_base64_exactly_what_only_the_secret_decides_is_masked(before: bytes, secret: str, after: bytes) -> None:
    data = secret.encode()
    encoded = base64.b64encode(before + data + after).decode()
    start, end = -(-8 * len(before) // 6), 8 * (len(before) + len(data)) // 6
    assume(end - start >= 8)
    scrubbed = Scrubber([secret]).text(encoded)
    assume(encoded.count(encoded[start:end]) == 1)
    assume(scrubbed.count(MASK) == 1)  # or chance made the secret a second time
    assert scrubbed == encoded[:start] + MASK + encoded[end:]


@given(st.lists(few, max_size=4), st.text("ab-", max_size=60))
def test_however_secrets_overlap_none_is_left(known: list[str], text: str) -> None:
    scrubbed = Scrubber(known).text(text)
    assert not any(secret in scrubbed for secret in known)
    assert scrubbed.replace(MASK, "") == "" or set(scrubbed) <= set("ab-*")


@given(st.lists(few, max_size=3), st.text("ab\n", max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_a_stream_gives_what_the_whole_text_would_however_it_is_cut(
    known: list[str], text: str, cuts: list[int]
) -> None:
    scrubber = Scrubber(known)
    stream, given_out, places = scrubber.stream(), "", sorted({0, len(text), *(c for c in cuts if c < len(text))})
    for start, end in itertools.pairwise(places):
        given_out += stream.feed(text[start:end])
    assert given_out + stream.close() == scrubber.text(text)


@given(st.lists(few, min_size=1, max_size=3), st.text("ab-", max_size=200), st.integers(1, 30), st.integers(0, 20))
def test_a_line_that_never_ends_leaks_nothing_either(known: list[str], text: str, piece: int, limit: int) -> None:
    stream, given_out = Scrubber(known).stream(limit=limit), list[str]()
    for start in range(0, len(text), piece):
        given_out.append(stream.feed(text[start : start + piece]))
    given_out.append(stream.close())
    shown = "".join(given_out)
    assert not any(secret in shown for secret in known)
    assert shown.count("-") == text.count("-"), "what is no secret is all given out"


@given(st.lists(secrets, min_size=1, max_size=3))
def test_scrubbing_again_changes_nothing(known: list[str]) -> None:
    scrubber = Scrubber(known)
    once = scrubber.text(" ".join(known))
    assert scrubber.text(once) == once
