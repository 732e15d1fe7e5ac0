"""Secrets on a command line: moved into the environment, masked in child command lines and in records."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from counterpoint.documents import parsed
from counterpoint.redaction import redacted, sealed

if TYPE_CHECKING:
    import argparse

# the variable for the database of services, instead of --database
DATABASE = "COUNTERPOINT_DATABASE"


def take_secrets(args: argparse.Namespace) -> None:
    """Masks the secrets among the options, also in `args.argv`, with which other processes are started."""
    masked = {text: _setting(text) for text in getattr(args, "set", None) or ()}
    if getattr(args, "set", None):
        args.set = [masked[text] for text in args.set]
    database = getattr(args, "database", None)
    if database and redacted(database) != database:
        os.environ[DATABASE] = database
        masked[database] = redacted(database)
    args.argv = [_masked(word, masked) for word in args.argv]


def _setting(text: str) -> str:
    name, _, value = text.partition("=")
    try:
        plain = parsed(value)
    except ValueError:
        return text  # `settings` reports the error
    setting = sealed({name: plain})[name]
    return text if setting == plain else f"{name}={json.dumps(setting)}"


def _masked(word: str, masked: dict[str, str]) -> str:
    option, equals, value = word.partition("=")
    if option.startswith("--") and equals and value in masked:
        return f"{option}={masked[value]}"
    return masked.get(word, word)


def database_of(args: argparse.Namespace) -> str | None:
    """The database of services, with its password."""
    option: str | None = getattr(args, "database", None)
    unmasked = os.environ.get(DATABASE)
    return unmasked if option is None or (unmasked and redacted(unmasked) == option) else option
