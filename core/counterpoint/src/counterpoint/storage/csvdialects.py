"""How a CSV file is written: separator, encoding, header, compression; and a plain copy of one that is not UTF-8."""

from __future__ import annotations

import bz2
import codecs
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_UTF8 = frozenset(("utf-8", "utf-8-sig", "ascii"))
_BLOCK = 1 << 20
_SEPARATORS = (";", "\t", "|", ",")


class CsvError(Exception):
    """A file that is no intact CSV file; the message names the problem and the line, but not the file."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How CSV files are written.

    `names` are the columns of files without a header: empty for `column_1`, `column_2`, ...; None where the first
    record is the header.

    Raises:
        UsageError: The separator or the encoding is none.
    """

    separator: str = ","
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.separator) != 1 or not self.separator.isascii() or self.separator in '"\r\n\0':
            raise UsageError(f"the separator {self.separator!r} is none: write one character, such as ; or a tab")
        try:
            is_text = codecs.lookup(self.encoding)._is_text_encoding  # noqa: SLF001 - as open() decides
        except LookupError:
            is_text = False
        if not is_text:
            raise UsageError(f"the encoding {self.encoding!r} is not known: write one such as latin-1 or utf-16")

    @property
    def is_plain(self) -> bool:
        """Whether the files are UTF-8."""
        return codecs.lookup(self.encoding).name in _UTF8


def plain_copy(path: Path, dialect: Dialect, copy: Path) -> Path:
    """The file itself if it is UTF-8 and not compressed; else its text in UTF-8, in the file `copy`.

    Raises:
        CsvError: Its bytes are not of the encoding, or its compressed data is damaged.
    """
    if dialect.is_plain and path.suffix.lower() not in COMPRESSED:
        return path
    decoder = codecs.getincrementaldecoder("latin-1" if dialect.is_plain else dialect.encoding)("strict")
    line = 1
    with _unpacked(path) as stream, copy.open("wb") as target:
        while data := stream.read(_BLOCK):
            if dialect.is_plain:
                target.write(data)
                continue
            try:
                text = decoder.decode(data)
            except UnicodeError as error:
                raise CsvError(_no_text(error, line, dialect.encoding)) from error
            line += text.count("\n")
            target.write(text.encode())
        _check_end(decoder, dialect)
    return copy


def _no_text(error: UnicodeError, line: int, encoding: str) -> str:
    """Where the bytes after a line are no text of an encoding."""
    if not isinstance(error, UnicodeDecodeError):
        return f"it is no {encoding} ({error})"
    before = error.object[: error.start].decode(encoding, "replace").count("\n")
    return f"its line {line + before} holds bytes that are no {encoding}"


def _check_end(decoder: codecs.IncrementalDecoder, dialect: Dialect) -> None:
    try:
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise CsvError(f"its end is no whole {dialect.encoding}: it is cut") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a file."""
    import pyarrow as pa

    kind = COMPRESSED.get(path.suffix.lower())
    try:
        if kind is None:
            with path.open("rb") as stream:
                yield stream
        elif kind == "zstd":
            with pa.input_stream(str(path), compression=kind) as unpacked:
                yield unpacked
        else:  # not Arrow's reader of gzip, which takes a cut file for a whole one
            with gzip.open(path) if kind == "gzip" else bz2.open(path) as unpacked:
                yield cast("IO[bytes]", unpacked)
    except (EOFError, zlib.error, pa.ArrowException) as error:
        raise CsvError(f"its compressed data is cut or damaged ({error})") from error
    except OSError as error:
        if kind is None:
            raise
        raise CsvError(f"its compressed data is cut or damaged ({error})") from error


def separator_hint(names: tuple[str, ...], dialect: Dialect) -> str | None:
    """What a header of one column says of its separator, or None."""
    others = [mark for mark in _SEPARATORS if mark != dialect.separator and len(names) == 1 and mark in names[0]]
    return f"its header {names[0]!r} looks as if the separator were {others[0]!r}" if others else None
