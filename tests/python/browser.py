"""Drives a headless Chromium by the DevTools protocol, over the pipe that it offers."""

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

from servers import PATIENCE

T = TypeVar("T")
PROGRAM = "chromium-headless-shell"
# The rest keeps a browser without a network from looking for its maker's servers.
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
    """One page of the browser. It records each request and each message on the console."""

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
            answer = json.loads(self._receive())
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, about: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))
        elif event == "Log.entryAdded":
            self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def run(self, expression: str) -> Any:
        """Returns the value of an expression, or of the promise that it is."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Evaluates the expression until its value is true, and returns the value."""
        give_up = time.monotonic() + PATIENCE
        while not (value := self.run(expression)):
            if time.monotonic() > give_up:
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
        """Types a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def window(self, width: int, height: int, scale: float = 1, phone: bool = False) -> None:
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
        """Writes what the window shows to a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser(directory: Path) -> Iterator[Page]:
    """Runs a browser during the block. Its profile and its messages go to the directory."""
    if shutil.which(PROGRAM) is None:
        raise AssertionError(f"{PROGRAM} is not on PATH: `make test` puts it there")
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
        os.close(to_browser)  # which ends the browser
        os.close(from_browser)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
