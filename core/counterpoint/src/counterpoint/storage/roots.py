"""Checking roots: a root is a folder, or a place in a bucket."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from counterpoint.errors import StorageError

# Delta's library aborts on these characters or misreads them (%25 as %).
_NOT_FOR_DELTA = frozenset("%[]^|\\")
_BUCKETS = frozenset({"s3", "s3a", "gs", "az", "abfs", "abfss"})
# a path has at most 4,096 bytes, some of which the paths below the root need
_LONGEST = 3000
# the characters of an address that a folder's name contains
_NAME = 40


def checked_root(root: str) -> str:
    """The root in a form that does not depend on the working folder.

    Raises:
        StorageError: The root is no place for data; names the fix.
    """
    if "://" not in root:
        return _folder(root)
    address = urlsplit(root)
    if address.scheme not in _BUCKETS:
        raise StorageError(f"--root {root}: data lies in a folder, written as its path, or in a bucket, as s3://bucket")
    if not address.netloc:
        raise StorageError(f"--root {root} names no bucket: write it s3://bucket or s3://bucket/place")
    return root


def folder_name(root: str) -> str:
    """The unique name of the local folder for the files that a root in a bucket needs on a file system."""
    place = root.rstrip("/")
    name = re.sub(r"[^\w.-]+", "-", place)[-_NAME:]
    return f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def _folder(root: str) -> str:
    if not root.strip():
        raise StorageError("--root is empty: name a folder or s3://bucket (is COUNTERPOINT_ROOT empty?)")
    path = str(Path(root).absolute())
    try:
        path.encode()
    except UnicodeEncodeError:
        raise StorageError(
            f"--root {path[:60]!r} is no UTF-8, or this locale is not: choose another --root, or set LC_ALL=C.UTF-8"
        ) from None
    if "\0" in path or len(path.encode()) > _LONGEST or _has_long_name(path):
        raise StorageError(f"--root {path[:60]!r}... is no path below which data can lie: choose a shorter one")
    strange = sorted(_NOT_FOR_DELTA.intersection(path))
    if strange:
        raise StorageError(f"no table can lie below {path}, for the {strange[0]} in it: choose another --root")
    return path


def _has_long_name(path: str) -> bool:
    """Whether one of the folders has a name that the file system refuses."""
    try:
        os.lstat(path)
    except (OSError, ValueError) as error:
        return not isinstance(error, OSError) or error.errno == errno.ENAMETOOLONG
    return False
