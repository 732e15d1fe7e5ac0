"""Sends messages to chats, mail, pagers and webhooks by Apprise, within a few seconds."""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote

from counterpoint.errors import UsageError
from counterpoint.extras import need
from counterpoint.redaction import MASK, redacted
from counterpoint.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from apprise import NotifyBase

    from counterpoint.alerts.routes import Routes

# the time-out of a delivery, and of opening and of answering one connection
SECONDS = 6.0
_SOCKET_SECONDS = 2.5
_PAUSES = (0.25, 0.5)
_LEAST = 4
_LONGEST = 300
_LOGGERS = ("apprise", "urllib3.connectionpool")


class _Caught(threading.local):
    """The lines that libraries log while this thread sends; None while it does not send."""

    lines: list[str] | None = None


_CAUGHT = _Caught()


def _is_free(record: logging.LogRecord) -> bool:
    """Whether a line may go to the logs; lines logged while sending may hold a URL, and serve as the error instead."""
    if _CAUGHT.lines is None:
        return True
    if record.levelno >= logging.WARNING:
        _CAUGHT.lines.append(record.getMessage())
    return False


@contextmanager
def _catching() -> Iterator[list[str]]:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_free)
    lines = _CAUGHT.lines = []
    try:
        yield lines
    finally:
        _CAUGHT.lines = None


def _service(url: str) -> NotifyBase | None:
    """The service of a URL, or None; the first call takes a second, because Apprise then loads all its services."""
    apprise = need("apprise", "operate", "alerts")
    asset = apprise.AppriseAsset(app_id="Counterpoint", app_desc="Counterpoint alerts")
    service: NotifyBase | None = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        service.socket_connect_timeout = service.socket_read_timeout = _SOCKET_SECONDS
        # plain text: markup in an error's message stays as it is
        service.notify_format = apprise.NotifyFormat.TEXT
        if (
            service.overflow_mode == apprise.OverflowMode.UPSTREAM
        ):  # this mode refuses messages that are too long for a pager
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
    return service


class _Sender(threading.Thread):
    """Sends to one route, and retries while there is time."""

    def __init__(self, url: str, title: str, body: str) -> None:
        super().__init__(daemon=True)
        self.url, self.title, self.body = url, " ".join(visible(title).split()), visible(body)
        self.error: str | None = f"no answer within {SECONDS:g} s"

    def run(self) -> None:
        begun = time.monotonic()
        for pause in (*_PAUSES, 0):
            self.error = self._attempt()
            if self.error is None or time.monotonic() - begun + pause > SECONDS - 2 * _SOCKET_SECONDS:
                return
            time.sleep(pause)

    def _attempt(self) -> str | None:
        with _catching() as lines:
            try:
                service = _service(self.url)
                if service is not None and service.notify(self.body, self.title):
                    return None
            except Exception as error:  # noqa: BLE001 - after any error of a service's code, the message was not delivered
                return self._masked(f"{type(error).__name__}: {error}")
            return self._masked(lines[-1] if lines else "it was not delivered")

    def _masked(self, text: str) -> str:
        """The text with all parts of the URL masked, because any part can hold a token."""
        parts = re.split(r"[:/@?&=,;]+", self.url.partition("://")[2])
        for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
            if len(part) >= _LEAST:
                text = text.replace(part, MASK)
        return redacted(text)[:_LONGEST]


def send(urls: Mapping[str, str | None], title: str, body: str) -> dict[str, str | None]:
    """Sends a message to the URLs of the named routes, all at once; returns the error of each, or None."""
    senders = {name: _Sender(url, title, body) for name, url in urls.items() if url}
    with _catching(), suppress(UsageError):  # each sender reports it
        for sender in senders.values():
            _service(sender.url)
    deadline = time.monotonic() + SECONDS
    for sender in senders.values():
        sender.start()
    for sender in senders.values():
        sender.join(max(0.0, deadline - time.monotonic()))
    removed = "the file of routes does not name it any more"
    return {name: senders[name].error if name in senders else removed for name in urls}


def check(routes: Routes) -> None:
    """Refuses routes whose URL is not that of a known service.

    Raises:
        UsageError: Apprise knows no service for a URL; names the route.
    """
    with _catching():
        wrong = [name for name, url in routes.urls.items() if _service(url) is None]
    if wrong:
        scheme = routes.urls[wrong[0]].partition("://")[0]
        raise UsageError(f"{wrong[0]} ({scheme}://...) is no URL of a service that Apprise knows: correct it")
