"""A headless Chromium, driven as a person would: pages, clicks, keys and pictures. Over the DevTools protocol, without a package."""

import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

PATIENCE = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoBrowser(RuntimeError):
    """There is no Chromium on PATH."""


class NotShown(AssertionError):
    """A page did not come to show what was waited for."""


class Page:
    """One page. Every method waits until the page shows what it needs, at most PATIENCE seconds."""

    def __init__(self, socket: Connection) -> None:
        self._socket, self._last = socket, 0
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page; None while it cannot be had."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def wait(self, expression: str, what: str = "") -> Any:
        """The value of an expression, once it is true. Raises NotShown with the page's text."""
        until = time.monotonic() + PATIENCE
        while not (value := self.ask(expression)):
            if time.monotonic() > until:
                text = self.ask("document.body.innerText")
                raise NotShown(
                    f"{what or expression}: not within {PATIENCE:.0f} s. {self.ask('location.href')} shows:\n{text}"
                )
            time.sleep(0.2)
        return value

    def see(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.wait(f"document.body && document.body.innerText.includes({json.dumps(text)})", f"the text {text!r}")

    def click(self, find: str, what: str = "") -> None:
        """Click into the middle of the element that an expression finds, with a mouse."""
        box = "b.width && {x: b.x + b.width / 2, y: b.y + b.height / 2}"
        look = f"e && (e.scrollIntoView({{block: 'center'}}), (b => {box})(e.getBoundingClientRect()))"
        place = self.wait(f"(e => {look})({find})", what)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key: ("Enter", 13, "\\r")."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def picture(self, path: Path) -> None:
        """Save what is shown as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def browser(home: Path, *, width: int = 1400, height: int = 1000) -> Iterator[Page]:
    """A page in a browser of its own, whose profile lies below `home`. Raises NoBrowser."""
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        raise NoBrowser("no chromium on PATH (apt-get install chromium)")
    profile = home / "chromium"
    process = subprocess.Popen(
        [
            *(binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
            *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-port=0"),
            *(f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile / "DevToolsActivePort", process)
        with connect(_page(port), max_size=None, open_timeout=PATIENCE) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(path: Path, process: "subprocess.Popen[bytes]") -> int:
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(path.read_text().splitlines()[0])
        if process.poll() is not None or time.monotonic() > until:
            raise NoBrowser(f"chromium did not start (exit code {process.poll()})")
        time.sleep(0.1)


def _page(port: int) -> str:
    """The address of the page that a new browser has."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
