"""Writes local files atomically, and reads documents that commands wrote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, text: str) -> None:
    """Writes a file atomically; characters that cannot be encoded are escaped.

    Raises:
        OSError: The file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def put_private(path: Path, content: str | bytes) -> None:
    """Writes a file that only its owner can read, atomically.

    Raises:
        OSError: The file cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_document(path: Path, name: str, writer: str, option: str = "") -> tuple[Path, Any]:
    """Reads a JSON document that a command wrote; returns its file and its value.

    Args:
        path: The file, or its folder.
        name: The name of the file in a folder.
        writer: The command that writes such a document, for messages.
        option: The option that named the path, for messages.

    Raises:
        UsageError: The document cannot be read.
    """
    file = path / name if path.is_dir() else path
    shown = f"{option} {file}".strip()
    try:
        return file, parsed(file.read_bytes(), is_strict=False)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read ({error.strerror}): name a {name} that '{writer}' wrote") from error
    except ValueError as error:
        raise UsageError(f"{shown} is no JSON: name a {name} that '{writer}' wrote") from error
