"""A new database of Prefect on SQLite: a copy of one that was migrated before.

    python -m counterpoint_prefect.database      makes the one in PREFECT_HOME, unless it is there

Prefect makes each new database by all migrations that it ever had, which takes ten seconds. What they end in depends on
its release alone, and holds no row: it is kept in the user's cache.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from counterpoint.files import put_private

_NAME = "prefect.db"
_MIGRATE = ("prefect", "server", "database", "upgrade", "-y")


def prepare(home: Path) -> None:
    """Puts an empty database into a home that has none; where that cannot be, Prefect's server makes its own.

    Args:
        home: The home of Prefect, as in `PREFECT_HOME`.
    """
    if (home / _NAME).exists():
        return
    with suppress(OSError, RuntimeError, subprocess.CalledProcessError):  # RuntimeError: the user has no home
        kept = _folder() / f"prefect-{version('prefect')}.db"
        if not kept.exists():
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put_private(kept, _migrated())
        if kept.stat().st_uid == os.geteuid():
            put_private(home / _NAME, kept.read_bytes())


def _folder() -> Path:
    """Where programs of this user keep what they can make again, by the XDG Base Directory Specification."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "counterpoint"


def _migrated() -> bytes:
    """What Prefect's own command makes of nothing, without any setting of the user's."""
    with TemporaryDirectory(prefix="counterpoint-prefect-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        command = [sys.executable, "-P", "-m", *_MIGRATE]
        subprocess.run(
            command,
            cwd=folder,
            env={**kept, "PREFECT_HOME": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        with closing(sqlite3.connect(Path(folder, _NAME))) as connection:
            return connection.serialize()


if __name__ == "__main__":
    prepare(Path(os.environ["PREFECT_HOME"]))
