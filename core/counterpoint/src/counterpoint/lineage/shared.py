"""The location of the registry of a root in a bucket; older ones, which shared one folder, are found, too."""

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

# the tables and columns in which MLflow stores absolute URIs of artifacts
ARTIFACTS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
# the tag of an MLflow run or model version that holds the id of our run
_RUN_ID = "counterpoint.run_id"
_TAGS = ("tags", "model_version_tags")


def local_folder(store: Objects) -> Path:
    """The registry folder of a root in a bucket: its own, or the shared one if the root has registered models there."""
    shared = Path("counterpoint-data").absolute() / layout.REGISTRY
    own = shared / folder_name(store.root)
    database = shared / layout.REGISTRY_DATABASE
    if own.joinpath(layout.REGISTRY_DATABASE).exists() or not database.exists():
        return own
    return shared if _registered(store, database) else own


def _registered(store: Objects, database: Path) -> bool:
    runs, has_artifacts = _runs_in(database, store.uri(layout.REGISTRY_ARTIFACTS), database.stat().st_mtime_ns)
    return has_artifacts or (bool(runs) and not runs.isdisjoint(_runs_of(store)))


@lru_cache(maxsize=16)
def _runs_in(database: Path, artifacts: str, _changed: int) -> tuple[frozenset[str], bool]:
    """The ids of our runs in a database, and whether it has artifacts in that place."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        tables = {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        runs = {
            str(value)
            for table in _TAGS
            if table in tables
            for (value,) in opened.execute(f"SELECT DISTINCT value FROM {table} WHERE key = ?", (_RUN_ID,))  # noqa: S608 - a name of ours
        }
        below = (len(artifacts) + 1, f"{artifacts}/", artifacts)
        has_artifacts = any(
            opened.execute(f"SELECT 1 FROM {table} WHERE substr({column}, 1, ?) = ? OR {column} = ?", below).fetchone()  # noqa: S608
            for table, column in ARTIFACTS
            if table in tables
        )
    return frozenset(runs), has_artifacts


def _runs_of(store: Objects) -> set[str]:
    """The ids of a root's runs."""
    return {run_id for name in store.folders(layout.RUNS) for run_id in store.folders(layout.runs_folder(name))}
