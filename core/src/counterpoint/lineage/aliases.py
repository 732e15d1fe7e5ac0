"""Which registered version is champion of production and which challenger: the latest one of its stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage.registry import TAG, alone, client_of, place_of, versions_of
from counterpoint.model import PRODUCTION
from counterpoint.storage.versions import is_promoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlflow import MlflowClient

    from counterpoint.model import Pipeline
    from counterpoint.storage import Store

ALIASES = {"production": "champion", "staging": "challenger"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered version that may be given the alias of its stage."""

    model: str
    stage: str
    partition: str
    number: int

    @property
    def rank(self) -> tuple[str, int]:
        """Later is that of a later partition, or of the same partition and a higher number."""
        return self.partition, self.number


def give_alias(client: MlflowClient, candidate: Candidate, standing: Iterable[Any]) -> bool:
    """Gives a version of production the alias of its stage, unless a later one stands or holds it; tells whether."""
    alias = ALIASES[candidate.stage]
    held = client.get_registered_model(candidate.model).aliases.get(alias)
    if held is not None and int(held) == candidate.number:
        return False
    # who holds it need not be among production's: it may have been promoted
    holders = [] if held is None else [client.get_model_version(candidate.model, held)]
    rivals = [r for r in map(candidate_of, [*standing, *holders]) if r and r.model == candidate.model]
    if any(r.rank > candidate.rank for r in rivals if r.stage == candidate.stage):
        return False
    client.set_registered_model_alias(candidate.model, alias, str(candidate.number))
    return True


def candidate_of(version: Any) -> Candidate | None:
    """A registered version as a candidate, or None for one that a person registered or that has no stage."""
    stage, partition = version.tags.get(f"{TAG}.stage"), version.tags.get(f"{TAG}.partition")
    return Candidate(version.name, stage, partition, int(version.version)) if stage in ALIASES and partition else None


def promote_models(store: Store, pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Gives the aliases to the models of the store's promoted version that are later than who holds them.

    Returns the number of the version that each alias was given to, by model; nothing when it is done already.

    Raises:
        UsageError: the version was not promoted.
    """
    if not is_promoted(store):
        raise UsageError(f"version {store.version} of {pipeline.name} was not promoted, so its models stay as they are")
    place = place_of(store)
    if place.is_empty:
        return {}
    given: dict[str, dict[str, int]] = {}
    client = client_of(place)
    with alone(place, "registration.lock"):
        standing = versions_of(client, pipeline.name, PRODUCTION)
        for candidate in _latest(versions_of(client, pipeline.name, store.version)):
            if give_alias(client, candidate, standing):
                given.setdefault(candidate.model, {})[ALIASES[candidate.stage]] = candidate.number
    return given


def _latest(versions: Iterable[Any]) -> list[Candidate]:
    """The latest of each model and stage."""
    found: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(filter(None, map(candidate_of, versions)), key=lambda c: c.rank):
        found[candidate.model, candidate.stage] = candidate
    return list(found.values())
