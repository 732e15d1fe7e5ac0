"""Finding the lineage of a run or of a registered model."""

from __future__ import annotations

from typing import Any

from counterpoint.errors import UsageError
from counterpoint.lineage.registry import TAG, client_of, place_of
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects


def find_lineage(root: str, subject: str) -> dict[str, Any]:
    """The metadata of a run id, or of a registered model as `find_version` takes it.

    Raises:
        UsageError: There is neither a run nor a model of that name below the root.
    """
    objects = Objects(root)
    metadata = _of_run(objects, subject) or _of_model(objects, subject)
    if metadata is None:
        raise UsageError(
            f"neither a run nor a registered model is called {subject!r} below {root}:"
            " name a run id as 'run' prints it, or a model as name or name/version"
        )
    return metadata


def _of_run(objects: Objects, run_id: str) -> dict[str, Any] | None:
    for path in objects.list(layout.RUNS):
        if path.endswith(f"/{run_id}/{layout.LINEAGE}"):
            values: dict[str, Any] = objects.get_json(path)
            return values
    return None


def _of_model(objects: Objects, subject: str) -> dict[str, Any] | None:
    tags = find_version(objects, subject)
    return None if tags is None else _of_run(objects, tags.get(f"{TAG}.run_id", ""))


def find_version(objects: Objects, subject: str) -> dict[str, str] | None:
    """The tags of a registered version, or None.

    Args:
        objects: The root.
        subject: `NAME` (its champion), `NAME/VERSION`, `NAME@VERSION` or `NAME@ALIAS`.
    """
    place = place_of(objects)
    if place.is_empty:
        return None
    from mlflow.exceptions import MlflowException

    client = client_of(place)
    name, _, chosen = subject.replace("@", "/").partition("/")
    try:
        if chosen.isdecimal() or "@" not in subject:
            version = client.get_model_version(name, chosen) if chosen else _champion(client, name)
        else:
            version = client.get_model_version_by_alias(name, chosen)
    except MlflowException:
        return None
    tags: dict[str, str] = version.tags
    return tags if f"{TAG}.run_id" in tags else None


def _champion(client: Any, name: str) -> Any:
    return client.get_model_version_by_alias(name, "champion")
