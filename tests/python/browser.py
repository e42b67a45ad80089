"""Controls a headless Chromium by the DevTools protocol, over a pipe."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from servers import TIMEOUT

T = TypeVar("T")
PROGRAM = "chromium-headless-shell"
# The last options keep the browser from connecting to the servers of its maker.
OPTIONS = [
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--remote-debugging-pipe",
]


class Page:
    """A page of the browser. It records each request and each message on the console."""

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
        self._send = send
        self._receive = receive
        self._session: str | None = None
        self._calls = 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **arguments: object) -> dict[str, Any]:
        """Calls a method of the protocol and returns its result."""
        self._calls += 1
        message: dict[str, object] = {"id": self._calls, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        self._send(json.dumps(message).encode() + b"\0")
        while True:
            response = json.loads(self._receive())
            if response.get("id") == self._calls:
                if "error" in response:
                    raise AssertionError(f"{method}: {response['error']}")
                return dict(response["result"])
            self._record(response.get("method"), response.get("params", {}))

    def _record(self, event: str | None, about: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))
        elif event == "Log.entryAdded":
            self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def open(self, url: str) -> None:
        """Starts to load a page; does not wait for it."""
        self.call("Page.navigate", url=url)

    def run(self, expression: str) -> Any:
        """Returns the value of an expression. If that is a promise, waits for its value."""
        response = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in response:
            raise AssertionError(f"{expression}: {response['exceptionDetails']}")
        return response["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Evaluates the expression until its value is true, and returns that value."""
        deadline = time.monotonic() + TIMEOUT
        while not (value := self.run(expression)):
            if time.monotonic() > deadline:
                shown = self.run("document.body.innerText")
                raise AssertionError(f"{expression} is {value!r}; the page shows: {shown}")
            time.sleep(0.02)
        return value

    def press(self, key: str, text: str = "") -> None:
        """Presses and releases a key."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, "/": 191}.get(key, 0)
        about = {"key": key, "text": text, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Types a text into the element that has the focus."""
        self.call("Input.insertText", text=text)

    def window(self, width: int, height: int, scale: float = 1, phone: bool = False) -> None:
        """Sets the size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )

    def prefer(self, **features: str) -> None:
        """Sets media features, such as ``prefers_color_scheme="dark"``."""
        chosen = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=chosen)

    def picture(self, path: Path) -> None:
        """Writes a screenshot of the window to a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser(directory: Path) -> Iterator[Page]:
    """Runs a browser during the block. Its profile and its log are in the directory."""
    if shutil.which(PROGRAM) is None:
        raise AssertionError(f"{PROGRAM} is not on PATH; `make test` installs it")
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()
    # The browser reads descriptor 3 and writes descriptor 4.
    command = f'exec "$@" 3<&{from_us} 4>&{to_us}'
    options = [PROGRAM, *OPTIONS, f"--user-data-dir={directory / 'profile'}"]
    with (directory / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", command, "bash", *options],
            pass_fds=(from_us, to_us),
            stdout=log,
            stderr=log,
        )
    os.close(from_us)
    os.close(to_us)
    received = bytearray()

    def send(message: bytes) -> None:
        while message:
            message = message[os.write(to_browser, message) :]

    def receive() -> bytes:
        while (end := received.find(b"\0")) < 0:
            part = os.read(from_browser, 1 << 20)
            if not part:
                raise AssertionError(
                    f"the browser ended: {(directory / 'browser.log').read_text()}"
                )
            received.extend(part)
        message = bytes(received[:end])
        del received[: end + 1]
        return message

    try:
        yield Page(send, receive)
    finally:
        os.close(to_browser)  # this ends the browser
        os.close(from_browser)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
