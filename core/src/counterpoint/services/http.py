"""Speaking JSON to an orchestrator's server on loopback."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from counterpoint.errors import ServiceError, UnansweredError

_SECONDS = 60
_FAILED_ITSELF = 500


def ask(url: str, body: Any = None, *, method: str | None = None, token: str | None = None) -> Any:
    """What a server answers, from JSON; a `body` is sent as JSON, by POST unless `method` says otherwise.

    Raises:
        UnansweredError: it does not answer now, or failed itself.
        ServiceError: it refuses; `__cause__` has the status as `code`.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")[:500]
        kind = UnansweredError if error.code >= _FAILED_ITSELF else ServiceError
        raise kind(f"{url} refused: {error.code} {text}") from error
    except (OSError, ValueError) as error:
        raise UnansweredError(f"{url} does not answer: {error}") from error
