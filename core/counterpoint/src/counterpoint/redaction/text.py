"""Masking secrets in texts and JSON values."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from counterpoint.redaction.forms import MASK, is_word, without_forms
from counterpoint.redaction.names import PREFIX, is_secret
from counterpoint.redaction.rows import without_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# a shorter value is never masked; one shorter than _FREE, or of letters only, just as a separate word
_LEAST, _FREE, _LONG_WORD = 4, 8, 16
_LONG_LINE = 16
# secrets that are in no variable of this process: settings, and values read from files
_HIDDEN: set[str] = set()


def hide(values: Iterable[Any]) -> None:
    """Registers the secrets in some values, so that this process masks them from now on."""
    for value in values:
        _HIDDEN.update(_leaves(value, secret=True))


def redacted(text: str, also: Iterable[str] = ()) -> str:
    """The text with all secrets masked, and without row values if these may not be shown; `also` are more secrets."""
    pattern = _pattern(frozenset((*_from_environment(), *_HIDDEN, *also)))
    return without_rows(without_forms(pattern.sub(MASK, text) if pattern else text))


def redacted_values(value: Any, name: str = "") -> Any:
    """The JSON value with all secrets masked; `name` is the name of the value."""
    if isinstance(value, dict):
        inherits = bool(name) and is_secret(name)
        return {key: redacted_values(inner, name if inherits else str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_values(inner, name) for inner in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if name and is_secret(name):
        return MASK
    return redacted(value) if isinstance(value, str) else value


def _from_environment() -> Iterator[str]:
    """The secrets in variables of this process."""
    for name, value in os.environ.items():
        if name.startswith(PREFIX):
            yield from _setting(name.removeprefix(PREFIX), value)
        elif is_secret(name):
            yield value
            if name.endswith("AUTH_STRING"):  # Prefect's: user:password
                yield value.partition(":")[2]
        elif "://" in value and "@" in value:
            yield from _password(value)


@lru_cache(maxsize=256)
def _setting(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(_leaves(json.loads(text), secret=is_secret(name)))
    except ValueError:
        return (text,)


@lru_cache(maxsize=256)
def _password(address: str) -> tuple[str, ...]:
    try:
        password = urlsplit(address).password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()


def _leaves(value: Any, *, secret: bool) -> Iterator[str]:
    """The secret texts in a JSON value: all of them if it is `secret`, else those with secret names or in addresses."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, secret=secret or is_secret(str(name)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, secret=secret)
    elif isinstance(value, str):
        yield from (value,) if secret else _password(value) if "://" in value else ()
    elif secret and value is not None and not isinstance(value, bool):
        yield str(value)


@lru_cache(maxsize=16)
def _pattern(values: frozenset[str]) -> re.Pattern[str] | None:
    """The pattern of secrets in all their encodings, the longest first."""
    spellings = {spelling for value in values for part in _parts(value) for spelling in _spellings(part)}
    patterns = [_guarded(spelling) for spelling in sorted(spellings, key=lambda spelling: (-len(spelling), spelling))]
    return re.compile("|".join(patterns)) if patterns else None


def _guarded(spelling: str) -> str:
    free = len(spelling) >= (_LONG_WORD if spelling.isalpha() else _FREE)
    return re.escape(spelling) if free else rf"(?<!\w){re.escape(spelling)}(?!\w)"


def _parts(value: str) -> Iterator[str]:
    """A secret, its lines if it has several, and the secrets in it if it is JSON or an address."""
    value = value.strip()
    if _can_be_secret(value):
        yield value
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= _LONG_LINE)
    if value.startswith("{"):
        try:
            yield from filter(_can_be_secret, _leaves(json.loads(value), secret=False))
        except (ValueError, RecursionError):
            return
    elif "://" in value:
        yield from filter(_can_be_secret, _password(value))


def _can_be_secret(value: str) -> bool:
    """Whether a value can be a secret: not a short one, nor a common word, a number or an existing path."""
    if value.startswith("/") and Path(value).exists():
        return False
    return len(value) >= _LEAST and not is_word(value) and not (value.isdecimal() and len(value) < _FREE - 1)


def _spellings(value: str) -> set[str]:
    spellings = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    spellings |= {quote(value, safe=""), quote(value), quote_plus(value), html.escape(value)}
    if len(value) >= _FREE:
        data = value.encode(errors="surrogateescape")
        spellings |= {data.hex(), *_in_base64(data)}
    return spellings


def _in_base64(data: bytes) -> Iterator[str]:
    """The base64 forms of data at any position in a longer text, without the characters shared with its neighbours."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        whole = encoded[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        yield from {whole, whole.translate(_URL_SAFE)}


_URL_SAFE = str.maketrans("+/", "-_")
