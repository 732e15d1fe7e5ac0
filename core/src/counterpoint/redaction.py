"""Keeping secrets out of what is told: messages, logs, reports.

A secret is the value of an environment variable whose name says so, and what stands where URLs, headers and settings
carry one.
"""

from __future__ import annotations

import os
import re
from typing import Any

MASK = "***"
_NAMES = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|SQL_ALCHEMY_CONN", re.IGNORECASE
)
_LEAST = 6
_PATTERNS = (
    # scheme://user:password@host
    (re.compile(r"(\w[\w+.-]*://[^\s:/@]*:)[^\s@]+(@)"), rf"\g<1>{MASK}\g<2>"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{8,}"), rf"\g<1>\g<2>{MASK}"),
    (
        re.compile(
            r"(?i)\b((?:[\w-]*(?:secret|password|passwd|pwd|token|api[_-]?key|access[_-]?key|credential)[\w-]*)"
            r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;)}\]]+"
        ),
        rf"\g<1>{MASK}",
    ),
    # keys of AWS, tokens of GitHub and Slack
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}\b|\bxox[abprs]-[\w-]{10,}\b"), MASK),
)


def redacted(text: str) -> str:
    """The text with every secret masked."""
    for value in _planted():
        text = text.replace(value, MASK)
    for pattern, masked in _PATTERNS:
        text = pattern.sub(masked, text)
    return text


def redacted_values(value: Any) -> Any:
    """The JSON value with every secret in its strings masked."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list | tuple):
        return [redacted_values(one) for one in value]
    if isinstance(value, dict):
        return {name: redacted_values(one) for name, one in value.items()}
    return value


def scrub(error: BaseException) -> None:
    """Masks the secrets in an error's own words, which orchestrators show on their pages and in their logs."""
    error.args = tuple(redacted(one) if isinstance(one, str) else one for one in error.args)


def _planted() -> list[str]:
    """The values of environment variables that are named like secrets, the longest first."""
    found = {value for name, value in os.environ.items() if _NAMES.search(name) and len(value) >= _LEAST}
    return sorted(found, key=len, reverse=True)
