"""A pipeline that trains and registers; importable in the children that tests start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.lineage import champions, register
from counterpoint.lineage.registry import client_of, place_of
from counterpoint.model import (
    PRODUCTION,
    ArtifactRef,
    Champion,
    Decision,
    Input,
    Materialization,
    Output,
    OutputKind,
    Pipeline,
    RunRequest,
    Step,
    Window,
)
from counterpoint.storage import Model, Store, json_digest

if TYPE_CHECKING:
    from mlflow import MlflowClient

DAY, BEFORE, AFTER = "2026-01-03", "2026-01-02", "2026-01-04"
NAME = "workshop-model"
SECRET = "pl4nted-s3cret"  # noqa: S105 - planted, to be looked for


def made() -> None:
    """What every step refers to; nothing here runs."""


EVENTS = Step("events", "workshop:made", output=Output(OutputKind.TABLE, contract="workshop:made"))
FEATURES = Step(
    "features",
    "workshop:made",
    inputs=(Input("days", "events", Window(-1)),),
    output=Output(OutputKind.TABLE),
)
TRAINED = Step("trained", "workshop:made", settings=("training", "source"), output=Output(OutputKind.MODEL))
GATE = Step("registered", "workshop:made", output=Output(OutputKind.REGISTRATION))
CONFIG = {
    "training": {"rate": 0.1, "api_key": SECRET, "layers": [8, 4]},
    "source": f"https://user:{SECRET}@example.org/data?day=1&token={SECRET}",
}
PIPELINE = Pipeline("workshop", (EVENTS, FEATURES, TRAINED, GATE), config=CONFIG)


class Workshop:
    """Runs of the pipeline below one root, as if its steps had run."""

    def __init__(self, root: str, version: str = PRODUCTION) -> None:
        self.root, self.version = root, version
        self.store = Store(root, PIPELINE, version)

    @property
    def client(self) -> MlflowClient:
        return client_of(place_of(self.store))

    def request(self, day: str = DAY, run_id: str = "run-1") -> RunRequest:
        return RunRequest("workshop:PIPELINE", day, run_id, self.root, version=self.version)

    def keep(self, step: Step, value: Any, day: str = DAY) -> ArtifactRef:
        reference = self.store.write(step, day, value, "0" * 16)
        self.store.publish(
            Materialization(reference, json_digest(day), {}, "0" * 16, json_digest("code"), f"run of {day}")
        )
        return reference

    def trained(self, number: int = 1, day: str = DAY) -> ArtifactRef:
        model = Model({"w": np.full(4, number, np.float32)}, {"number": number}, {"loss": 0.5})
        return self.keep(TRAINED, model, day)

    def register(
        self, number: int = 1, day: str = DAY, stage: str = "production", run_id: str = "run-1"
    ) -> dict[str, Any]:
        """Trains model `number` on a day and registers it as the gate decided."""
        decision = Decision(NAME, "trained", stage, "it is good", {"recall@20": number / 10}, {"recall@20": 0.05})
        given = {"trained": self.trained(number, day)}
        return register(self.store, PIPELINE, self.request(day, run_id), [decision], given)

    def versions(self) -> dict[int, str]:
        """The registered versions and the partition of each."""
        found = self.client.search_model_versions(f"name='{NAME}'")
        return {int(v.version): v.tags["counterpoint.partition"] for v in sorted(found, key=lambda v: int(v.version))}

    def aliases(self) -> dict[str, int]:
        named = self.client.get_registered_model(NAME).aliases
        return {alias: int(version) for alias, version in named.items()}

    def champion(self, before: str = "2027-01-01") -> Champion | None:
        return champions(self.store, before).get(NAME)

    def trial(self) -> Workshop:
        return Workshop(self.root, "trial")


def days_of_events(workshop: Workshop) -> dict[str, ArtifactRef]:
    """Two days of events, and the features over both."""
    frame = pl.DataFrame({"x": [1, 2, 3]})
    kept = {day: workshop.keep(EVENTS, frame, day) for day in (BEFORE, DAY)}
    return {**kept, "features": workshop.keep(FEATURES, frame)}
