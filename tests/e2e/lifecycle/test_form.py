"""A person in a browser: logs in, fills in the form of up/baton, clicks Submit, and sees the environment come up."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import NoBrowser, Page, browser
from tests.support.serving import serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


def field(label: str) -> str:
    """An expression that finds the field under a label of the form."""
    starts = f"e.innerText.trim().startsWith({json.dumps(label)})"
    return (
        f"(l => l && document.getElementById(l.htmlFor))([...document.querySelectorAll('label')].find(e => {starts}))"
        f" || (l => l && l.closest('div').parentElement.querySelector('input, textarea'))([...document.querySelectorAll('label')].find(e => {starts}))"
    )


def button(text: str) -> str:
    return f"[...document.querySelectorAll('button')].find(e => e.innerText.trim() === {json.dumps(text)})"


def fill(page: Page, label: str, text: str) -> None:
    """Put a text in place of what a field holds."""
    page.click(field(label), f"the field {label}")
    page.ask(f"({field(label)}).select()")
    page.type(text)


def log_in(page: Page, ui: str, password: str) -> None:
    page.open(ui)
    page.click("document.querySelector('input')", "the field of the password")
    page.type(password)
    page.press("Enter", 13, "\r")
    page.wait("!location.href.includes('login')", "to be logged in")


def test_a_run_is_started_from_the_form_and_seen_to_end(baton: Any, tmp_path: Path) -> None:
    reference = baton("publish", "examples/minimal", "--as", "clicked").out.strip()
    with serving(baton) as served:
        ui = served.lines[-1]["ui"]
        password = baton("server", "login").out.strip()
        deployment = served.api("/deployments/name/up/baton")["id"]

        def mine() -> list[dict[str, Any]]:
            """Runs of this form: other tests leave some in the same home."""
            found = served.api("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
            return [one for one in found if one["parameters"].get("environment") == "clicked"]

        try:
            with browser(tmp_path) as page:
                log_in(page, ui, password)
                page.open(f"{ui}/v2/deployments/deployment/{deployment}/run")
                page.see("Values for the blueprint's inputs.")
                page.click(button("Submit"), "the button Submit")  # a form without its blueprint is not taken
                page.wait("location.href.endsWith('/run')")
                assert mine() == []
                fill(page, "Blueprint", reference)
                fill(page, "Environment", "clicked")
                page.wait(
                    "!document.body.innerText.includes('Error creating')",
                    "the complaint, which lies over the button, to go",
                )
                page.click(button("Submit"), "the button Submit")
                until = time.monotonic() + 60
                while not (runs := mine()):
                    assert time.monotonic() < until, page.ask("document.body.innerText")
                    time.sleep(1)
                assert len(runs) == 1
                assert runs[0]["parameters"]["blueprint"] == reference
                ended = {"type": "run", "id": runs[0]["id"], "state": "Completed"}  # ticks complete too
                served.wait_for(lambda line: ended.items() <= line.items(), 600)
                page.open(f"{ui}/v2/runs/flow-run/{runs[0]['id']}")
                page.see("Completed")
        except NoBrowser as why:
            pytest.skip(str(why))
        assert baton("status", "minimal/clicked", "--json").lines[0]["phase"] == "ready"
        assert baton("down", "minimal/clicked", "--yes", "--json").result["phase"] == "destroyed"
