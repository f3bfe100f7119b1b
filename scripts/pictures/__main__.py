"""Takes the pictures of docs/images that show the engine's UI: `python -m scripts.pictures`. Needs Chromium and Playwright."""

from pathlib import Path
from typing import Final

from scripts.pictures.browser import Browser, logged_in
from scripts.pictures.stage import ROOT, Stage, staged

IMAGES: Final = ROOT / "docs" / "images"
DEV: Final = {"environment": "dev"}


def take(stage: Stage, browser: Browser, into: Path = IMAGES) -> None:
    """One environment from its question to its end, with a picture of what a person looks at meanwhile."""
    run = stage.start("up", DEV | {"blueprint": str(stage.blueprint)})
    stage.until(run, "PAUSED")
    approval(browser, run, into)
    preview(browser, stage, into)
    stage.approve(run)
    stage.until(run, "COMPLETED")
    ended(browser, run, into)
    stage.until(stage.start("down", DEV | {"blueprint": str(stage.blueprint)}), "COMPLETED")
    browser.open("/v2/runs", "down minimal/dev r")
    browser.page.mouse.move(760, 600)
    browser.page.mouse.wheel(0, 700)  # from the chart to the list
    browser.shoot(into / "ui-runs.png")


def approval(browser: Browser, run: str, into: Path) -> None:
    """The form of a run that waits."""
    page = browser.open(f"/v2/runs/flow-run/{run}", "Task Runs")
    page.locator("button[aria-haspopup=menu]").first.click()
    page.get_by_role("menuitem", name="Resume").first.click()
    page.get_by_role("dialog").get_by_text("Preview").first.wait_for()
    browser.shoot(into / "ui-approval.png")


def ended(browser: Browser, run: str, into: Path) -> None:
    """A run with its graph and its steps."""
    page = browser.open(f"/v2/runs/flow-run/{run}", "Task Runs")
    page.get_by_role("tab", name="Task Runs").click()
    browser.shoot(into / "ui-run.png")


def preview(browser: Browser, stage: Stage, into: Path) -> None:
    """The preview of an environment as its artifact."""
    browser.open(f"/v2/artifacts/artifact/{stage.artifact('minimal--dev-preview')}", "Preview")
    browser.shoot(into / "ui-preview.png")


def main() -> None:
    with staged() as stage, logged_in(stage.url.removesuffix("/api"), stage.auth) as browser:
        take(stage, browser)


if __name__ == "__main__":
    main()
