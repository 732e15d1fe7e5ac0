"""MLflow: runs, models and their versions; imported only by the step that registers models.

The default is a SQLite store and a folder of artifacts below the root; MLFLOW_TRACKING_URI selects another server.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage.shared import ARTIFACTS, local_folder
from counterpoint.storage import layout
from counterpoint.storage.locks import locked
from counterpoint.storage.objects import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient

    from counterpoint.storage.objects import Objects

TAG = "counterpoint"
# the folder of a root that holds the artifacts
_BELOW = f"/{layout.REGISTRY_ARTIFACTS}"
_ELSEWHERE = "SELECT 1 FROM {0} WHERE {1} LIKE ? AND substr({1}, 1, ?) <> ?"
_MOVE = "UPDATE {0} SET {1} = ? || substr({1}, instr({1}, ?) + ?) WHERE {1} LIKE ? AND substr({1}, 1, ?) <> ?"

_LOCK_SECONDS = 300.0  # making a database, or registering a large model, takes a while on a busy machine


@dataclass(frozen=True, slots=True)
class Place:
    """The location of tracking: the URIs of the store and of artifacts (None: the server's), and a local folder."""

    uri: str
    artifacts: str | None
    folder: Path | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing can have been registered yet."""
        return self.folder is not None and not (self.folder / layout.REGISTRY_DATABASE).exists()


def place_of(store: Objects) -> Place:
    """The location of a root's tracking; a root in a bucket has its database in a local folder of its own."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return Place(uri, None, None)
    if store.is_local:
        root = Path(store.root).absolute()
        folder, artifacts = root / layout.REGISTRY, root.joinpath(layout.REGISTRY_ARTIFACTS).as_uri()
    else:
        folder, artifacts = local_folder(store), store.uri(layout.REGISTRY_ARTIFACTS)
    return Place(f"sqlite:///{folder / layout.REGISTRY_DATABASE}", artifacts, folder)


def client_of(place: Place) -> MlflowClient:
    """A client of the tracking place; the first client makes the database."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)

    if place.folder is None:
        return MlflowClient(place.uri, place.uri)
    with alone(place, "lock"):
        relocate(place)
        client = MlflowClient(place.uri, place.uri)
        client.search_experiments(max_results=1)  # makes or migrates the database
        return client


def relocate(place: Place) -> None:
    """Updates the artifact URIs in the database of a copied or moved root to its new location."""
    if place.is_empty or place.artifacts is None or not place.artifacts.startswith("file:"):
        return
    with closing(sqlite3.connect(place.folder / layout.REGISTRY_DATABASE)) as database, database:  # type: ignore[operator]
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        here = (f"file:%{_BELOW}%", len(place.artifacts), place.artifacts)
        for names in ARTIFACTS:
            if names[0] in tables and database.execute(_ELSEWHERE.format(*names), here).fetchone():
                database.execute(_MOVE.format(*names), (place.artifacts, _BELOW, len(_BELOW), *here))


@contextmanager
def alone(place: Place, name: str) -> Iterator[None]:
    """Holds a lock in a place's folder, so that concurrent changes of database or aliases do not undo each other."""
    if place.folder is None:
        yield
        return
    with guarded(str(place.folder)):
        place.folder.mkdir(parents=True, exist_ok=True)
        lock = (place.folder / name).open("w")
    with lock, locked(lock, fcntl.LOCK_EX, _LOCK_SECONDS):
        yield


def once(make: Callable[[], Any]) -> None:
    """Calls `make`, and ignores that another process has made the same resource a moment ago."""
    from mlflow.exceptions import MlflowException

    try:
        make()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def versions_of(client: MlflowClient, pipeline: str, version: str | None = None) -> list[Any]:
    """All registered versions that a pipeline made, in one version of its data or in all of them."""
    tags = {f"{TAG}.pipeline": pipeline} | ({f"{TAG}.version": version} if version else {})
    return _all_versions(client, " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items()))


def _all_versions(client: MlflowClient, query: str) -> list[Any]:
    versions, token = list[Any](), None
    while True:
        page = client.search_model_versions(query, page_token=token)
        versions += page
        token = page.token
        if not token:
            return versions


def filled_place(objects: Objects) -> Place | None:
    """The location of a root's tracking, or None if nothing can have been registered yet.

    Raises:
        UsageError: Models were registered, but the registry cannot be reached from here; names the fix.
    """
    place = place_of(objects)
    if not place.is_empty:
        return place
    if not objects.is_local and objects.list(layout.REGISTRY_ARTIFACTS):
        raise UsageError(
            f"{objects.root} holds models, and {place.folder} not the registry that knows their runs: work in the"
            " folder where they were registered, or set MLFLOW_TRACKING_URI"
        )
    return None


def runs_of_models(objects: Objects) -> set[str]:
    """The runs that registered the models below a root, of all pipelines.

    Raises:
        UsageError: The registry cannot be reached from here; names the fix.
    """
    place = filled_place(objects)
    if place is None:
        return set()
    try:
        versions = _all_versions(client_of(place), "")
    except ImportError:
        raise UsageError(
            f"{place.uri} knows which runs models are of, and mlflow is not installed here: pip install mlflow"
        ) from None
    return {version.tags[f"{TAG}.run_id"] for version in versions if f"{TAG}.run_id" in version.tags}
