"""The names of versions."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint.model import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Collection

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_tag(tag: str) -> str:
    """The tag, if a version of data can have it.

    Raises:
        UsageError: It cannot; says what a tag may contain.
    """
    if tag == PRODUCTION:
        raise UsageError(f"{PRODUCTION} is what stands, and no version beside it: choose another tag")
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"{tag!r} is no tag of a version: take up to 64 letters, digits, dots, - and _, the first a letter or digit"
        )
    return tag


def unknown(tag: str, pipeline: str, known: Collection[str]) -> UsageError:
    """The error for a tag that no version has, with the most similar tag and all existing ones."""
    suggest = difflib.get_close_matches(tag, known, 1)
    hint = f"did you mean {suggest[0]!r}? " if suggest else ""
    return UsageError(f"{pipeline} has no version {tag!r}: {hint}there are {', '.join(sorted(known)) or 'none'}")
