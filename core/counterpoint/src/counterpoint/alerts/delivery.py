"""Sending messages to chats, mail, pagers and webhooks by Apprise, for a few seconds at most."""

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

# what a delivery may take, and what one connection may take to open and to answer
SECONDS = 6.0
_SOCKET_SECONDS = 2.5
_PAUSES = (0.25, 0.5)
_LEAST = 4
_LONGEST = 300
_LOGGERS = ("apprise", "urllib3.connectionpool")


class _Caught(threading.local):
    """What libraries log while this thread sends; None where it does not."""

    lines: list[str] | None = None


_CAUGHT = _Caught()


def _is_free(record: logging.LogRecord) -> bool:
    """Whether a line may go to the logs: what is logged while sending may hold a URL, and serves as the error."""
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
    """The service of a URL, or None; the first one takes a second, for Apprise then loads all that it knows."""
    apprise = need("apprise", "operate", "alerts")
    asset = apprise.AppriseAsset(app_id="Counterpoint", app_desc="Counterpoint alerts")
    service: NotifyBase | None = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        service.socket_connect_timeout = service.socket_read_timeout = _SOCKET_SECONDS
        # an error's words are no page: what is marked up in them stays as it was written
        service.notify_format = apprise.NotifyFormat.TEXT
        if service.overflow_mode == apprise.OverflowMode.UPSTREAM:  # which refuses what is too long for a pager
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
    return service


class _Sender(threading.Thread):
    """Sends to one route, once more when that fails at once."""

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
            except Exception as error:  # noqa: BLE001 - whatever a service's code raises, it was not delivered
                return self._masked(f"{type(error).__name__}: {error}")
            return self._masked(lines[-1] if lines else "it was not delivered")

    def _masked(self, text: str) -> str:
        """The text without anything that the URL is made of: a token may stand anywhere in it."""
        parts = re.split(r"[:/@?&=,;]+", self.url.partition("://")[2])
        for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
            if len(part) >= _LEAST:
                text = text.replace(part, MASK)
        return redacted(text)[:_LONGEST]


def send(urls: Mapping[str, str | None], title: str, body: str) -> dict[str, str | None]:
    """Sends a message to the URLs of the named routes, all at once; returns the error of each, or None."""
    senders = {name: _Sender(url, title, body) for name, url in urls.items() if url}
    with _catching(), suppress(UsageError):  # which each of them reports
        for sender in senders.values():
            _service(sender.url)
    deadline = time.monotonic() + SECONDS
    for sender in senders.values():
        sender.start()
    for sender in senders.values():
        sender.join(max(0.0, deadline - time.monotonic()))
    gone = "the file of routes does not name it any more"
    return {name: senders[name].error if name in senders else gone for name in urls}


def check(routes: Routes) -> None:
    """Refuses routes to what is no service.

    Raises:
        UsageError: a URL is none of a service that Apprise knows; names the route.
    """
    with _catching():
        wrong = [name for name, url in routes.urls.items() if _service(url) is None]
    if wrong:
        scheme = routes.urls[wrong[0]].partition("://")[0]
        raise UsageError(f"{wrong[0]} ({scheme}://...) is no URL of a service that Apprise knows: correct it")
