"""The checks of a run as JUnit: nothing that was not looked at passes, and nothing that failed is left out."""

from xml.etree import ElementTree

from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.junit import Case, Verdict, cases, junit, of_error
from tests.support.rehearsal import ended


def suite(*broken: str) -> dict[str, ElementTree.Element]:
    told: list[tuple[str, float]] = []
    run = ended(*broken, tell=lambda e: told.append((e.step, e.data.get("seconds", 0))))
    text = junit("shop/dev", list(cases(run, dict(told))))
    document = ElementTree.fromstring(text)
    return {case.attrib["name"]: case for case in document.iter("testcase")}


def test_a_check_that_passed_is_a_test_case_with_its_evidence() -> None:
    found = suite()
    assert set(found) == {"db-answers", "home"}
    for case in found.values():
        assert [child.tag for child in case] == ["system-out"]
        assert case.findtext("system-out") == "it answers"
        assert case.attrib["classname"] == "shop/dev"


def test_a_check_that_failed_says_why_and_what_to_do_next() -> None:
    case = suite("probe home")["home"]
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "it does not answer"
    assert "see:  baton logs shop/dev --step verify:home" in (failure.text or "")
    assert "next: baton up /srv/shop/blueprint.yaml --env dev" in (failure.text or "")


def test_a_step_that_failed_is_an_error_and_the_checks_behind_it_were_not_looked_at() -> None:
    found = suite("apply front")
    assert [child.tag for child in found["apply front"]] == ["error"]
    assert [child.tag for child in found["home"]] == ["skipped"]
    assert [child.tag for child in found["db-answers"]] == ["system-out"]


def test_the_counts_are_those_of_the_cases() -> None:
    known = [
        Case("a", Verdict.PASSED),
        Case("b", Verdict.FAILURE, "no"),
        Case("c", Verdict.SKIPPED),
        Case("d", Verdict.ERROR),
    ]
    top = ElementTree.fromstring(junit("shop/dev", known))
    one = top.find("testsuite")
    assert one is not None
    for element in (top, one):
        counts = {name: element.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}


def test_what_xml_cannot_say_does_not_break_it() -> None:
    text = junit("shop/dev", [Case("c\x1b[31m", Verdict.FAILURE, "a\x00b & <c>", evidence="\x08")])
    case = next(ElementTree.fromstring(text).iter("testcase"))
    assert case.attrib["name"] == "c�[31m"
    assert case.find("failure").attrib["message"] == "a�b & <c>"  # type: ignore[union-attr]


def test_a_command_that_never_ran_is_an_error_with_its_exit_code() -> None:
    class Held(BatonError):
        exit_code = ExitCode.LOCKED

    case = of_error("baton ci up", Held("somebody is at work\nhere", hint="wait"))
    assert case == Case(
        "baton ci up", Verdict.ERROR, "somebody is at work", "somebody is at work\nhere\nwait\nexit code 5"
    )
