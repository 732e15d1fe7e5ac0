"""The registered models of a pipeline below a root, as the registry holds them.

A registry may be shared by several pipelines and roots, and by people. A version belongs to a pipeline below a root if
it has the pipeline's tags and the root knows the run that registered it. On a shared server the root must also hold the
model, because two installations of an orchestrator give their scheduled runs the same ids.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.extras import need
from counterpoint.lineage.aliases import ARCHIVED, ROLLED_BACK
from counterpoint.lineage.registry import TAG, client_of, filled_place, place_of, versions_of
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient

    from counterpoint.storage import Store

PROMOTED = f"{TAG}.promoted"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model.

    `data_version` is the version of the pipeline's data in which it was made. `stage` is production, staging or
    archived. `promoted` and `rolled_back` say by whom and when; None if that did not happen.
    """

    model: str
    version: int
    partition: str
    data_version: str
    stage: str
    aliases: Sequence[str]
    run_id: str
    metrics: Mapping[str, float]
    registered: str
    promoted: Mapping[str, str | None] | None
    rolled_back: Mapping[str, str | None] | None

    @property
    def rank(self) -> tuple[str, int]:
        """The order of versions: by partition, then by number."""
        return self.partition, self.version

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def model_versions(store: Store) -> list[ModelVersion]:
    """The versions that the store's pipeline has registered below its root, by model and number.

    Raises:
        UsageError: MLflow is missing, or the registry cannot be reached from here; names the fix.
    """
    client = registry_client(store)
    return [] if client is None else versions_in(client, store)


def registry_client(store: Store) -> MlflowClient | None:
    """A client of the registry of a root, or None if nothing can have been registered yet.

    Raises:
        UsageError: MLflow is missing, or the registry cannot be reached from here; names the fix.
    """
    place = filled_place(store)
    if place is None:
        return None
    need("mlflow", "mlflow", "registered models")
    return client_of(place)


def versions_in(client: MlflowClient, store: Store) -> list[ModelVersion]:
    """The result of `model_versions`, by an existing client."""
    runs = set(store.folders(layout.runs_folder(store.pipeline.name)))
    is_shared = place_of(store).folder is None
    own = [
        version
        for version in versions_of(client, store.pipeline.name)
        if version.tags.get(f"{TAG}.run_id") in runs and (not is_shared or _holds(store, version.tags))
    ]
    aliases = {name: _aliases(client, name) for name in sorted({version.name for version in own})}
    described = [_described(version, aliases[version.name].get(int(version.version), [])) for version in own]
    return sorted(described, key=lambda version: (version.model, version.version))


def _holds(store: Store, tags: Mapping[str, str]) -> bool:
    """Whether the root holds the model that a version was registered with."""
    version, step, partition, digest = (tags.get(f"{TAG}.{n}", "") for n in ("version", "step", "partition", "digest"))
    folders = store.folders(layout.artifacts_folder(version, store.pipeline.name, step, partition))
    return any(digest.partition(":")[2].startswith(layout.artifact_digits_of(name)) for name in folders)


def _aliases(client: MlflowClient, model: str) -> dict[int, list[str]]:
    """The aliases of each version of a model."""
    by_number: dict[int, list[str]] = {}
    for alias, number in sorted(client.get_registered_model(model).aliases.items()):
        by_number.setdefault(int(number), []).append(alias)
    return by_number


def _described(version: Any, aliases: Sequence[str]) -> ModelVersion:
    tags = version.tags
    return ModelVersion(
        model=version.name,
        version=int(version.version),
        partition=tags[f"{TAG}.partition"],
        data_version=tags[f"{TAG}.version"],
        stage="archived" if version.current_stage == ARCHIVED else tags[f"{TAG}.stage"],
        aliases=aliases,
        run_id=tags[f"{TAG}.run_id"],
        metrics=json.loads(tags.get(f"{TAG}.metrics", "{}")),
        registered=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        promoted=_decided(tags, PROMOTED) if f"{PROMOTED}_at" in tags else None,
        rolled_back=_decided(tags, ROLLED_BACK) if ROLLED_BACK in tags else None,
    )


def _decided(tags: Mapping[str, str], name: str) -> dict[str, str | None]:
    """By whom and when; None values if a later model, not a person, caused it."""
    return {"by": tags.get(f"{name}_by"), "at": tags.get(f"{name}_at")}
