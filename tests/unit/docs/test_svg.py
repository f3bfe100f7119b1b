"""Screens of a terminal become one picture."""

import xml.etree.ElementTree as ET

from scripts.docs.svg import KEEP, LAST, Frame, animated

NAMES = {"s": "http://www.w3.org/2000/svg"}


def picture(*screens: str) -> ET.Element:
    return ET.fromstring(animated([Frame(float(at), s) for at, s in enumerate(screens)], title="<up>", columns=40))


def test_every_screen_is_a_group_and_the_last_one_is_seen_without_animation() -> None:
    found = picture("one", "two")
    assert ["".join(g.itertext()) for g in found.findall("s:g", NAMES)] == ["one", "two"]
    style = found.findtext("s:style", namespaces=NAMES) or ""
    assert ".f1{visibility:visible;" in style
    assert ".f0{animation-name" in style


def test_words_stand_in_their_columns_with_their_colours() -> None:
    spans = picture("\x1b[32m✓\x1b[0m plan   <main> & more").findall(".//s:tspan", NAMES)
    assert [(s.text, s.get("x")) for s in spans] == [("✓", "16"), ("plan", "32.8"), ("<main> & more", "91.6")]
    assert spans[0].get("fill") == "#3fb950"


def test_waiting_is_shortened_and_the_end_stands() -> None:
    frames = [Frame(0, "a"), Frame(100, "b"), Frame(100.25, "c")]
    assert f"animation:{0.7 + 0.25 + LAST:.1f}s" in animated(frames, title="", columns=10)


def test_where_only_a_clock_ticks_few_screens_are_enough() -> None:
    ticking = [Frame(0.25 * i, f"{'⠋⠙'[i % 2]} apply main {i}s") for i in range(40)]
    found = ET.fromstring(animated([*ticking, Frame(10, "done")], title="", columns=40))
    assert len(found.findall("s:g", NAMES)) == 5


def test_of_many_screens_some_are_left_out_and_never_the_last() -> None:
    groups = picture(*map(str, range(500))).findall("s:g", NAMES)
    assert len(groups) <= KEEP + 1
    assert groups[-1].findtext(".//s:tspan", namespaces=NAMES) == "499"
