"""Where the registry of a root in a bucket lies; all shared one folder once, and what is registered there is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.storage import layout
from counterpoint.storage.roots import folder_name

if TYPE_CHECKING:
    from counterpoint.storage.objects import Objects

# where MLflow keeps absolute URIs of artifacts
ARTIFACTS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
# the tag by which a run of MLflow, or a version of a model, says of which of our runs it is
_RUN_ID = "counterpoint.run_id"
_TAGS = ("tags", "model_version_tags")


def local_folder(store: Objects) -> Path:
    """The folder of the registry of a root in a bucket: its own, or the shared one that holds what it registered."""
    shared = Path("counterpoint-data").absolute() / layout.REGISTRY
    own = shared / folder_name(store.root)
    database = shared / layout.REGISTRY_DATABASE
    if own.joinpath(layout.REGISTRY_DATABASE).exists() or not database.exists():
        return own
    return shared if _registered(store, database) else own


def _registered(store: Objects, database: Path) -> bool:
    known, seen = _told(database, store.uri(layout.REGISTRY_ARTIFACTS), database.stat().st_mtime_ns)
    return seen or (bool(known) and not known.isdisjoint(_runs_of(store)))


@lru_cache(maxsize=16)
def _told(database: Path, artifacts: str, _changed: int) -> tuple[frozenset[str], bool]:
    """Of which runs of ours a database tells, and whether artifacts of it lie in that place."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        tables = {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        runs = {
            str(value)
            for table in _TAGS
            if table in tables
            for (value,) in opened.execute(f"SELECT DISTINCT value FROM {table} WHERE key = ?", (_RUN_ID,))  # noqa: S608 - a name of ours
        }
        below = (len(artifacts) + 1, f"{artifacts}/", artifacts)
        seen = any(
            opened.execute(f"SELECT 1 FROM {table} WHERE substr({column}, 1, ?) = ? OR {column} = ?", below).fetchone()  # noqa: S608
            for table, column in ARTIFACTS
            if table in tables
        )
    return frozenset(runs), seen


def _runs_of(store: Objects) -> set[str]:
    """The ids of the runs that a root tells of."""
    return {run_id for name in store.folders(layout.RUNS) for run_id in store.folders(layout.runs_folder(name))}
