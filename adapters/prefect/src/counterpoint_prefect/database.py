"""A new SQLite database for Prefect: a copy of one that was migrated before.

    python -m counterpoint_prefect.database      creates the database in PREFECT_HOME, unless it exists

Prefect creates a database by running all its migrations, which takes ten seconds. Their result depends on Prefect's
release alone and holds no rows, so it is kept in the user's cache.
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
    """Puts an empty database into a home that has none; if that fails, Prefect's server creates its own.

    Args:
        home: Prefect's home, as in `PREFECT_HOME`.
    """
    if (home / _NAME).exists():
        return
    with suppress(OSError, RuntimeError, subprocess.CalledProcessError):  # RuntimeError: the user has no home
        cached = _folder() / f"prefect-{version('prefect')}.db"
        if not cached.exists():
            cached.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put_private(cached, _migrated())
        if cached.stat().st_uid == os.geteuid():
            put_private(home / _NAME, cached.read_bytes())


def _folder() -> Path:
    """Counterpoint's cache folder of this user, by the XDG Base Directory Specification."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "counterpoint"


def _migrated() -> bytes:
    """The bytes of a new database, migrated by Prefect's own command without the user's settings."""
    with TemporaryDirectory(prefix="counterpoint-prefect-") as folder:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        command = [sys.executable, "-P", "-m", *_MIGRATE]
        subprocess.run(
            command,
            cwd=folder,
            env={**variables, "PREFECT_HOME": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        with closing(sqlite3.connect(Path(folder, _NAME))) as connection:
            return connection.serialize()


if __name__ == "__main__":
    prepare(Path(os.environ["PREFECT_HOME"]))
