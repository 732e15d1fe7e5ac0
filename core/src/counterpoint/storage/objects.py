"""Small objects below the root, on a local disk or S3, each put in place whole or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Delta's library aborts on these, or takes them for something else (%25 for %).
_NOT_FOR_DELTA = frozenset("%[]^|\\")


@contextmanager
def guarded(place: str) -> Iterator[None]:
    """Turns whatever a storage library raises into a StorageError that names the place and the fix."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *_raised_by_libraries())):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StorageError(
            f"{place} cannot be read or written: {reason}; check that it exists, has room and is yours to write,"
            " or choose another --root"
        ) from error


def _raised_by_libraries() -> tuple[type[Exception], ...]:
    """The errors of the storage libraries; imported after a failure only, for most steps write no table."""
    from deltalake.exceptions import DeltaError
    from obstore.exceptions import BaseError
    from polars.exceptions import ComputeError

    return DeltaError, BaseError, ComputeError


class Objects:
    """The objects of one root.

    Raises:
        StorageError: a folder's path has a character that no Delta table's path may have.
    """

    def __init__(self, root: str) -> None:
        self.root = root if "://" in root else str(Path(root).absolute())
        strange = sorted(_NOT_FOR_DELTA.intersection(self.root)) if self.is_local else []
        if strange:
            raise StorageError(f"no table can lie below {self.root}, for the {strange[0]} in it: choose another --root")
        self._opened: Any = None

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder."""
        return "://" not in self.root

    def uri(self, path: str) -> str:
        """Where a path of the root lies."""
        return f"{self.root}/{path}"

    def path(self, uri: str) -> str:
        """The path below the root of a URI that `uri` made."""
        return uri.removeprefix(f"{self.root}/")

    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import LocalStore, from_url

            self._opened = LocalStore(self.root, mkdir=True) if self.is_local else from_url(self.root)
        return self._opened

    def put(self, path: str, data: bytes) -> None:
        """Puts an object in place; a reader sees the old one or this one.

        Raises:
            StorageError: the root cannot be written.
        """
        import obstore

        with guarded(self.uri(path)):
            obstore.put(self._store(), path, data, use_multipart=False)

    def get(self, path: str) -> bytes | None:
        """The object at a path, or None.

        Raises:
            StorageError: the root cannot be read.
        """
        import obstore

        if self.is_local and not Path(self.uri(path)).is_file():
            return None
        with guarded(self.uri(path)):
            try:
                return bytes(obstore.get(self._store(), path).bytes())
            except FileNotFoundError:
                return None

    def list(self, prefix: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""
        import obstore

        if self.is_local and not Path(self.uri(prefix)).is_dir():
            return []
        with guarded(self.uri(prefix)):
            return sorted(found["path"] for batch in obstore.list(self._store(), prefix) for found in batch)

    def put_json(self, path: str, value: Any) -> None:
        """Puts a JSON value in place."""
        self.put(path, json.dumps(value, sort_keys=True, default=str).encode())

    def get_json(self, path: str) -> Any:
        """The JSON value at a path, or None.

        Raises:
            StorageError: the root cannot be read, or something else than JSON was put there.
        """
        data = self.get(path)
        try:
            return None if data is None else json.loads(data)
        except ValueError as error:
            raise StorageError(f"{self.uri(path)} is no JSON: {error}; remove it and run its step again") from error
