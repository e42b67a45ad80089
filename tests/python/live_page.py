"""Opens the live page of a scrape endpoint in a browser, and finds its rows."""

from browser import Page
from served import Served


def opened(page: Page, served: Served) -> None:
    """Opens the page, and waits for its rows."""
    page.open(served.url)
    page.wait_for("document.querySelectorAll('#rows .row').length > 3")


def row(label: str) -> str:
    """Returns an expression for the texts of the cells in the row that starts with ``label``."""
    return (
        "[...document.querySelectorAll('#rows .row')].map(row => [...row.children]"
        f".map(cell => cell.innerText)).find(cells => cells[0].startsWith({label!r}))"
    )
