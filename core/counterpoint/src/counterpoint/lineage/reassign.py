"""Moving the alias champion by hand: back to an earlier version, or to any valid version.

The versions between the old and the new champion are marked as rolled back, as if a later model had replaced them, so
the next gate compares with the new champion.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage.aliases import ALIASES, ROLLED_BACK
from counterpoint.lineage.models import PROMOTED
from counterpoint.lineage.ownmodel import CHAMPION, opened
from counterpoint.lineage.registry import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

    from counterpoint.lineage.models import ModelVersion
    from counterpoint.lineage.ownmodel import OwnModel
    from counterpoint.storage import Store


@dataclass(frozen=True, slots=True)
class AliasChange:
    """The effect of a promotion or a rollback.

    `champion` is the version that holds the alias now, `previous` the one before, and `rolled_back` the versions
    that were marked. `changed` is false if the champion held the alias already.
    """

    model: str
    champion: int
    partition: str
    previous: int | None
    rolled_back: tuple[int, ...] = ()
    changed: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"rolled_back": list(self.rolled_back)}


def promote_model(store: Store, model: str, number: int, by: str) -> AliasChange:
    """Gives the alias champion to a valid version, also to one that was rolled back.

    Args:
        store: The pipeline's store, in production.
        model: The registered name.
        number: The number of the version.
        by: The user who does it.

    Returns:
        The change.

    Raises:
        UsageError: The model, the version or the champion is not of this pipeline, or the version is not valid.
    """
    with opened(store, model) as registered:
        return _give(registered, registered.standing(number), by)


def roll_back(store: Store, model: str, number: int | None, by: str) -> AliasChange:
    """Gives the alias champion back to an earlier version of production.

    Args:
        store: The pipeline's store, in production.
        model: The registered name.
        number: The number of the version; None for the newest one before the champion that is neither rolled back nor
            archived.
        by: The user who does it.

    Returns:
        The change.

    Raises:
        UsageError: The model, the version or the champion is not of this pipeline, or there is no earlier version.
    """
    with opened(store, model) as registered:
        champion = registered.champion
        if champion is None:
            raise UsageError(f"{model} has no champion that could be rolled back: promote one of its versions")
        if number is None:
            return _give(registered, _before(registered, champion), by)
        target = registered.standing(number)
        if target.stage != "production" or target.rank >= champion.rank:
            raise UsageError(
                f"version {number} of {model} ({target.stage}, {target.partition}) is no version of production before"
                f" the champion, version {champion.version} ({champion.partition}): promote it instead"
            )
        return _give(registered, target, by)


def _before(registered: OwnModel, champion: ModelVersion) -> ModelVersion:
    earlier = [
        version
        for version in registered.versions.values()
        if version.stage == "production"
        and version.rolled_back is None
        and version.rank < champion.rank
        and registered.in_production(version)
    ]
    if not earlier:
        raise UsageError(
            f"{registered.name} has nothing to go back to: no version of production before version {champion.version}"
            f" ({champion.partition}) is neither rolled back nor archived; name one by --to, or promote one"
        )
    return max(earlier, key=lambda version: version.rank)


def _give(registered: OwnModel, target: ModelVersion, by: str) -> AliasChange:
    """Sets the marks first and the alias last, so that a repeated call completes one that was killed in between."""
    champion = registered.champion
    if champion is target and target.rolled_back is None:
        return AliasChange(target.model, target.version, target.partition, target.version, changed=False)
    client, at = registered.client, datetime.now(UTC).isoformat(timespec="seconds")
    passed = _passed(registered, target)
    for version in passed:
        _tag(client, version, {ROLLED_BACK: "true", f"{ROLLED_BACK}_by": by, f"{ROLLED_BACK}_at": at})
    if target.rolled_back is not None:
        for name in (ROLLED_BACK, f"{ROLLED_BACK}_by", f"{ROLLED_BACK}_at"):
            client.delete_model_version_tag(target.model, str(target.version), name)
    _tag(client, target, {f"{PROMOTED}_by": by, f"{PROMOTED}_at": at, f"{TAG}.stage": "production"})
    if ALIASES["staging"] in target.aliases:
        client.delete_registered_model_alias(target.model, ALIASES["staging"])
    client.set_registered_model_alias(target.model, CHAMPION, str(target.version))
    previous = champion.version if champion else None
    return AliasChange(target.model, target.version, target.partition, previous, tuple(v.version for v in passed))


def _passed(registered: OwnModel, target: ModelVersion) -> list[ModelVersion]:
    """The production versions between the old and the new champion, with the old one in a rollback."""
    champion = registered.champion
    if champion is None:
        return []
    low, high = sorted((champion.rank, target.rank))
    between = [version for version in registered.versions.values() if low < version.rank <= high]
    unmarked = [v for v in between if v is not target and v.stage == "production" and v.rolled_back is None]
    return [version for version in unmarked if registered.in_production(version)]


def _tag(client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]) -> None:
    for name, value in tags.items():
        client.set_model_version_tag(version.model, str(version.version), name, value)
