"""One registered model of a pipeline below a root, locked to be changed; models of others are refused by name."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage.aliases import ALIASES
from counterpoint.lineage.models import ModelVersion, registry_client, versions_in
from counterpoint.lineage.registry import alone, place_of
from counterpoint.model import PRODUCTION
from counterpoint.storage import Store
from counterpoint.storage.versions import is_promoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient

CHAMPION = ALIASES["production"]


@dataclass(frozen=True)
class OwnModel:
    """A registered model, with the versions that the pipeline has registered below the root."""

    store: Store
    client: MlflowClient
    name: str
    versions: Mapping[int, ModelVersion]
    champion: ModelVersion | None

    @property
    def place(self) -> str:
        """The pipeline and root whose models may be changed, for messages."""
        return f"{self.store.pipeline.name} below {self.store.root}"

    def in_production(self, version: ModelVersion) -> bool:
        """Whether the data that a version was made in is in production."""
        tag = version.data_version
        return tag == PRODUCTION or is_promoted(Store(self.store.root, self.store.pipeline, tag))

    def standing(self, number: int) -> ModelVersion:
        """The version with a number, if it can be champion; else it is refused with the reason."""
        version = self.versions.get(number)
        if version is None:
            raise self._unknown(number)
        if version.stage == "archived":
            raise UsageError(f"version {number} of {self.name} is archived: take another, or undo that in MLflow")
        if not self.in_production(version):
            raise UsageError(
                f"version {number} of {self.name} was made in the version {version.data_version} of the data, which is"
                " not in production: publish that first, with 'counterpoint backfill promote'"
            )
        return version

    def _unknown(self, number: int) -> UsageError:
        known = ", ".join(map(str, self.versions))
        if _exists(lambda: self.client.get_model_version(self.name, str(number))):
            return UsageError(
                f"version {number} of {self.name} was not registered by {self.place}, so it is left as it is:"
                f" take one of {known}"
            )
        return UsageError(f"{self.name} has no version {number}: take one of {known}")


@contextmanager
def opened(store: Store, model: str) -> Iterator[OwnModel]:
    """A registered model of the store's pipeline, which no other process of this root changes meanwhile.

    Raises:
        UsageError: The model or its champion is not of this pipeline below this root.
    """
    client = registry_client(store)
    if client is None:
        raise UsageError(f"{store.pipeline.name} below {store.root} has no registered models yet: run it first")
    with alone(place_of(store), "registration.lock"):
        versions = versions_in(client, store)
        own = {version.version: version for version in versions if version.model == model}
        if not own:
            raise _foreign_model(client, store, model, sorted({version.model for version in versions}))
        yield OwnModel(store, client, model, own, _champion(client, store, model, own))


def _foreign_model(client: MlflowClient, store: Store, model: str, known: list[str]) -> UsageError:
    place = f"{store.pipeline.name} below {store.root}"
    models = f"its models are {', '.join(known) or 'none'}"
    if _exists(lambda: client.get_registered_model(model)):
        return UsageError(f"the model {model!r} was not registered by {place}, so it is left as it is: {models}")
    return UsageError(f"{place} has no model {model!r}: {models}")


def _champion(client: MlflowClient, store: Store, model: str, own: Mapping[int, ModelVersion]) -> ModelVersion | None:
    number = client.get_registered_model(model).aliases.get(CHAMPION)
    if number is not None and int(number) not in own:
        raise UsageError(
            f"the champion of {model}, version {number}, was not registered by {store.pipeline.name} below"
            f" {store.root}, so it is left as it is: take its alias {CHAMPION} away in MLflow first"
        )
    return None if number is None else own[int(number)]


def _exists(look: Any) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        look()
    except MlflowException as error:
        # the second: MLflow allows no such name
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        return False
    return True
