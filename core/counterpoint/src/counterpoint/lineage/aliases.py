"""The aliases champion (production) and challenger (staging), each held by the latest registered version of its stage.

A model is rolled back by moving its alias back, or by deleting or archiving a version. A version that was rolled back
does not block the next model, nor is it the baseline for it; only a person can make it champion again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage.registry import TAG, alone, client_of, place_of, versions_of
from counterpoint.model import PRODUCTION, Champion
from counterpoint.storage.versions import is_promoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlflow import MlflowClient

    from counterpoint.model import Pipeline
    from counterpoint.storage import Store

ALIASES = {"production": "champion", "staging": "challenger"}
ROLLED_BACK = f"{TAG}.rolled_back"
ARCHIVED = "Archived"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered version that may be given the alias of its stage."""

    model: str
    stage: str
    partition: str
    number: int
    is_rolled_back: bool = False

    @property
    def rank(self) -> tuple[str, int]:
        """The order of versions: by partition, then by number."""
        return self.partition, self.number


def give_alias(client: MlflowClient, candidate: Candidate, standing: Iterable[Any]) -> bool:
    """Gives a production version the alias of its stage, unless a later version exists; returns whether it did.

    A version that was rolled back does not get the alias, so that a repeated run cannot undo a person's decision.
    """
    if candidate.is_rolled_back:
        return False
    alias = ALIASES[candidate.stage]
    holder = candidate_of(held) if (held := holder_of(client, candidate.model, alias)) else None
    if holder and holder.number == candidate.number:
        return False
    candidates = [
        c for c in map(candidate_of, standing) if c and (c.model, c.stage) == (candidate.model, candidate.stage)
    ]
    if any(rival.rank > candidate.rank for rival in ([holder] if holder else candidates)):
        return False
    client.set_registered_model_alias(candidate.model, alias, str(candidate.number))
    for passed in candidates:
        if holder and holder.rank < passed.rank < candidate.rank:
            client.set_model_version_tag(passed.model, str(passed.number), ROLLED_BACK, "true")
    return True


def holder_of(client: MlflowClient, model: str, alias: str) -> Any:
    """The version that holds an alias of a model, whoever assigned it; None if it is archived or there is none."""
    number = client.get_registered_model(model).aliases.get(alias)
    version = None if number is None else client.get_model_version(model, str(number))
    return None if version is None or version.current_stage == ARCHIVED else version


def candidate_of(version: Any) -> Candidate | None:
    """A registered version as a candidate; None if it is archived, has no stage, or was registered by a person."""
    if version.current_stage == ARCHIVED:
        return None
    stage, partition = version.tags.get(f"{TAG}.stage"), version.tags.get(f"{TAG}.partition")
    if stage not in ALIASES or not partition:
        return None
    return Candidate(version.name, stage, partition, int(version.version), ROLLED_BACK in version.tags)


def promote_models(store: Store, pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Gives the aliases to the models of the store's promoted version that are later than the present holders.

    Returns:
        By model and alias, the number of the version that got it; empty when a repeated call changes nothing.

    Raises:
        UsageError: The version was not promoted.
    """
    if not is_promoted(store):
        raise UsageError(f"version {store.version} of {pipeline.name} was not promoted, so its models stay as they are")
    place = place_of(store)
    if place.is_empty:
        return {}
    assigned: dict[str, dict[str, int]] = {}
    client = client_of(place)
    with alone(place, "registration.lock"):
        standing = versions_of(client, pipeline.name, PRODUCTION)
        for candidate in _latest(versions_of(client, pipeline.name, store.version)):
            if give_alias(client, candidate, standing):
                assigned.setdefault(candidate.model, {})[ALIASES[candidate.stage]] = candidate.number
    return assigned


def _latest(versions: Iterable[Any]) -> list[Candidate]:
    """The latest candidate of each model and stage."""
    latest: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(filter(None, map(candidate_of, versions)), key=lambda c: c.rank):
        latest[candidate.model, candidate.stage] = candidate
    return list(latest.values())


def champions(store: Store, before: str) -> dict[str, Champion]:
    """The champion of each model of the pipeline: the newest production version of a partition before `before`.

    In production, versions newer than the holder of the alias do not count, because they were rolled back. Later
    partitions do not count either, so a backfill decides as the run of its own day would have.
    """
    place = place_of(store)
    if place.is_empty:
        return {}
    client, by_model = client_of(place), dict[str, Champion]()
    versions = versions_of(client, store.pipeline.name, store.version)
    for model in sorted({version.name for version in versions}):
        own = [version for version in versions if version.name == model and ROLLED_BACK not in version.tags]
        holder = holder_of(client, model, ALIASES["production"]) if store.version == PRODUCTION else None
        version = _newest(_not_after(holder, own), before)
        if version is not None:
            metrics = json.loads(version.tags[f"{TAG}.metrics"])
            by_model[model] = Champion(model, int(version.version), version.tags[f"{TAG}.partition"], metrics)
    return by_model


def _not_after(holder: Any, versions: list[Any]) -> list[Any]:
    """The holder of the alias, which a person may have promoted, and the versions that are older than it."""
    latest = candidate_of(holder) if holder else None
    if latest is None or latest.stage != "production":
        return versions
    ranked = [(candidate_of(version), version) for version in versions]
    return [holder, *(version for candidate, version in ranked if candidate and candidate.rank < latest.rank)]


def _newest(versions: list[Any], before: str) -> Any:
    ranked = [(candidate, version) for version in versions if (candidate := candidate_of(version))]
    models = [(c.rank, version) for c, version in ranked if c.stage == "production" and c.partition < before]
    return max(models, key=lambda pair: pair[0])[1] if models else None
