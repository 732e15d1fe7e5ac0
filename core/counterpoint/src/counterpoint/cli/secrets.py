"""Secrets on a command line: moved into the environment, masked in child command lines and in records."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from counterpoint.documents import parsed
from counterpoint.redaction import redacted, sealed

if TYPE_CHECKING:
    import argparse

# where the database of services may be said instead of --database
DATABASE = "COUNTERPOINT_DATABASE"


def take_secrets(args: argparse.Namespace) -> None:
    """Masks the secrets among the options, also in `args.argv`, which other processes are started with."""
    found = {text: _setting(text) for text in getattr(args, "set", None) or ()}
    if getattr(args, "set", None):
        args.set = [found[text] for text in args.set]
    database = getattr(args, "database", None)
    if database and redacted(database) != database:
        os.environ[DATABASE] = database
        found[database] = redacted(database)
    args.argv = [_masked(word, found) for word in args.argv]


def _setting(text: str) -> str:
    name, _, value = text.partition("=")
    try:
        given = parsed(value)
    except ValueError:
        return text  # who reads it tells what is wrong
    kept = sealed({name: given})[name]
    return text if kept == given else f"{name}={json.dumps(kept)}"


def _masked(word: str, found: dict[str, str]) -> str:
    option, equals, value = word.partition("=")
    if option.startswith("--") and equals and value in found:
        return f"{option}={found[value]}"
    return found.get(word, word)


def database_of(args: argparse.Namespace) -> str | None:
    """The database of services, whole."""
    given: str | None = getattr(args, "database", None)
    kept = os.environ.get(DATABASE)
    return kept if given is None or (kept and redacted(kept) == given) else given
