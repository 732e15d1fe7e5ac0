"""Files on this machine: written whole or not at all, and documents of commands read again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, text: str) -> None:
    """Writes a file, whole or not at all; a character that cannot be encoded stands as its escape.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def put_private(path: Path, content: str | bytes) -> None:
    """Writes a file that its owner alone can read, whole or not at all.

    Raises:
        OSError: it cannot be written.
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
    """A JSON document that a command wrote, by its file or its folder: the file, and what it holds.

    Raises:
        UsageError: it cannot be read; `writer` is the command that makes one, `option` the one that named it.
    """
    file = path / name if path.is_dir() else path
    called = f"{option} {file}".strip()
    try:
        return file, parsed(file.read_bytes(), is_strict=False)
    except OSError as error:
        raise UsageError(f"{called} cannot be read ({error.strerror}): name a {name} that '{writer}' wrote") from error
    except ValueError as error:
        raise UsageError(f"{called} is no JSON: name a {name} that '{writer}' wrote") from error
