"""A headless Chromium that is logged in to the engine's UI, and takes pictures of its pages."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

SIZE: Final[Any] = {"width": 1280, "height": 900}
SETTLED: Final = 6000
"""Milliseconds that a page has to draw itself once its requests are answered: graphs move into place."""


@dataclass(frozen=True)
class Browser:
    """One tab. `ui` is the server's address, without `/api`."""

    page: Page
    ui: str

    def open(self, path: str, shows: str) -> Page:
        """Open a page, and wait until it shows these words."""
        self.page.goto(f"{self.ui}{path}", timeout=180_000)
        self.page.get_by_text(shows).first.wait_for(timeout=180_000)
        return self.page

    def shoot(self, into: Path, *, clip: Any = None) -> None:
        self.page.wait_for_timeout(SETTLED)
        self.page.screenshot(path=into, clip=clip, timeout=120_000)


@contextmanager
def logged_in(ui: str, auth: str) -> Iterator[Browser]:
    """A browser that the server knows: the UI keeps its password where its login form would have put it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=180_000)
        context = browser.new_context(viewport=SIZE, color_scheme="light", locale="en-GB", timezone_id="UTC")
        password = base64.b64encode(auth.encode()).decode()
        context.add_init_script(f"localStorage.setItem('prefect-password', {json.dumps(password)})")
        context.set_default_timeout(120_000)
        try:
            yield Browser(context.new_page(), ui)
        finally:
            browser.close()
