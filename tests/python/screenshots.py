"""Takes the screenshots of the live page in docs/: `make screenshots`. Runs for two minutes."""

import re
import sys
import tempfile
import time
from pathlib import Path

import interpreter
from browser import browser

DOCS = Path(__file__).parents[2] / "docs"
HISTORY = 122  # seconds until the sparklines are full


def main() -> None:
    command = ("-m", "dataclay_metrics", "demo", "--port", "0", "--no-duel")
    with (
        tempfile.TemporaryDirectory() as directory,
        interpreter.running(*command) as demo,
        browser(Path(directory)) as page,
    ):
        assert demo.stdout is not None
        url = re.search(r"http://[\d.:]+/", demo.stdout.readline())
        assert url
        page.window(1280, 860)
        page.open(url.group())
        time.sleep(float(sys.argv[1]) if sys.argv[1:] else HISTORY)
        page.picture(DOCS / "page.png")
        page.prefer(prefers_color_scheme="dark")
        time.sleep(1)
        page.picture(DOCS / "page-dark.png")
        page.prefer(prefers_color_scheme="light")
        page.window(390, 844, 2, phone=True)
        time.sleep(1)
        page.picture(DOCS / "page-phone.png")


if __name__ == "__main__":
    main()
