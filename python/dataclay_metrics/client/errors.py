"""The exceptions of failed pushes. They are those of urllib, which prometheus_client raises."""

from email.message import Message
from io import BytesIO
from urllib.error import HTTPError, URLError


class PushError(URLError):
    """A push failed without a response of a gateway.

    ``is_unanswered`` is true if the whole request was sent, so the gateway may have accepted it.
    """

    def __init__(self, url: str, message: str, is_unanswered: bool = False) -> None:
        super().__init__(message, url)
        self._url = url
        self.is_unanswered = is_unanswered

    def __str__(self) -> str:
        return str(self.reason)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._url, str(self), self.is_unanswered)


class PushRefused(HTTPError):
    """A gateway refused a push; ``code`` is the status of its response."""

    def __init__(self, url: str, code: int, message: str) -> None:
        super().__init__(url, code, message, Message(), BytesIO())
        # From CPython 3.14 on, a response that nobody closes causes a ResourceWarning. This one has
        # no body, so it is closed and can still be read.
        self.close()
        self.file = self.fp = BytesIO()

    def __str__(self) -> str:
        return self.msg

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.filename, self.code, self.msg)


def failed(url: str, status: int | None, message: str, is_unanswered: bool = False) -> URLError:
    """Returns the exception of a push that failed with this message."""
    if status is None:
        return PushError(url, message, is_unanswered)
    return PushRefused(url, status, message)
