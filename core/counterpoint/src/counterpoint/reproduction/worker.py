"""Executes recorded steps again: in a process of its own, with the recorded code, on a root of its own.

It reads an order (JSON) from stdin, and writes its answer to the file that the order names: what a step prints is not
mixed with it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.alerts.routes import ROUTES
from counterpoint.errors import CounterpointError
from counterpoint.lineage import environment, packages, reach_of_steps, sources_of
from counterpoint.model import OutputKind, Pipeline, RunRequest
from counterpoint.redaction import is_sealed, redacted
from counterpoint.reproduction.inputs import Inputs
from counterpoint.runtime import execute, find_pipeline
from counterpoint.runtime.context import StepContext, digest_of
from counterpoint.runtime.inputs import observed
from counterpoint.storage import Store, json_digest, layout

if TYPE_CHECKING:
    from counterpoint.model import Step

_RUN_ID = "reproduction"


def main() -> int:
    """Carries out the order on stdin."""
    order = json.load(sys.stdin)
    try:
        answer = _answer(order)
    except CounterpointError as error:
        answer = {"refused": redacted(str(error))}
    Path(order["answer"]).write_text(json.dumps(answer, default=str), encoding="utf-8")
    return 0


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    lineage = order["lineage"]
    pipeline = find_pipeline(lineage["pipeline"])
    gone = sorted(lineage["configuration"].keys() - pipeline.config.keys())
    pipeline = pipeline.configured(pipeline.own(lineage["configuration"]))
    source = Store(order["root"], pipeline, lineage["version"])
    targets = [target for target in order["targets"] if order["is_model"] or _can_be_made(pipeline, target["step"])]
    # each on a root of its own: what one makes again must not be what another reads
    request = _request(pipeline, source, lineage)
    attempts = {target["name"]: _Attempt.of(pipeline, request, order["work"], target) for target in targets}
    inputs = {name: Inputs(pipeline, lineage, source, attempt.store) for name, attempt in attempts.items()}
    passed = {name: inputs[name].references(attempt.step) for name, attempt in attempts.items()}
    missing = sorted({name for each in inputs.values() for name in each.missing})
    changed = sorted({pair for each in inputs.values() for pair in each.changed})
    outputs = [] if missing or changed else [attempt.executed(passed[name]) for name, attempt in attempts.items()]
    return {
        "targets": list(attempts),
        "outputs": outputs,
        "missing": missing,
        "changed": changed,
        "outside": {name: attempt.seen() for name, attempt in attempts.items()},
        "settings_gone": gone,
        "masked": sorted(name for name, value in lineage["configuration"].items() if is_sealed(value)),
        "settings": {name: json_digest(value) for name, value in pipeline.config.items()},
        "sources": sources_of(pipeline, None),
        "reach": reach_of_steps(pipeline),
        "environment": environment({}),
        "packages": packages(),
    }


def _can_be_made(pipeline: Pipeline, name: str) -> bool:
    """Whether a step only makes an output: one that registers or has effects would act on the world again."""
    if name not in pipeline.step_names:
        return False
    step = pipeline.step(name)
    return not step.effect and step.output.kind is not OutputKind.REGISTRATION


def _request(pipeline: Pipeline, source: Store, lineage: dict[str, Any]) -> RunRequest:
    """The request of the recorded run, with its references to secrets and its variables; nobody is notified."""
    kept = source.get_json(layout.run_request(pipeline.name, lineage["run_id"]))
    recorded = RunRequest.from_json(kept["request"]) if kept else None
    return RunRequest(
        lineage["pipeline"],
        lineage["partition"],
        _RUN_ID,
        source.root,
        version=lineage["version"],
        config=pipeline.own(lineage["configuration"]),
        force=True,
        effects=False,
        secrets=recorded.secrets if recorded else {},
        variables={name: value for name, value in recorded.variables.items() if name != ROUTES} if recorded else {},
    )


@dataclass(frozen=True)
class _Attempt:
    """One output that is made again, on a root of its own."""

    request: RunRequest
    pipeline: Pipeline
    step: Step
    index: int | None
    name: str

    @classmethod
    def of(cls, pipeline: Pipeline, request: RunRequest, work: str, target: dict[str, Any]) -> _Attempt:
        """The attempt at a target of an order."""
        request = replace(request, root=f"{work}/{target['name']}")
        return cls(request, pipeline, pipeline.step(target["step"]), target["index"], target["name"])

    @property
    def store(self) -> Store:
        """Where it is made."""
        return Store(self.request.root, self.pipeline, self.request.version)

    def seen(self) -> str | None:
        """The digest of what the step reads from outside, as it is now; `?` and why where it cannot be looked at."""
        try:
            source = observed(StepContext(self.request, self.pipeline, self.step, self.store))
        except CounterpointError as error:
            return f"? {redacted(str(error))[:200]}"
        return None if source is None else digest_of(source.digest)

    def executed(self, passed: dict[str, Any]) -> dict[str, Any]:
        """Makes it; what came of it, and what it was made from."""
        told: dict[str, Any] = {"name": self.name, "digest": None, "error": None, "made_from": None, "device": None}
        try:
            reference = execute(self.request, self.step.name, passed, index=self.index)
        except Exception as error:  # noqa: BLE001 - whatever the step raises is what there is to tell
            return {**told, "error": f"{type(error).__name__}: {redacted(str(error))[:500]}"}
        entry = self.store.entry(self.step.name, reference.partition)
        assert entry is not None  # noqa: S101 - it was published
        path = layout.step_record(self.pipeline.name, _RUN_ID, self.step.name, self.index)
        device = (self.store.get_json(path) or {}).get("details", {}).get("device")
        made_from = {"code": entry.code_digest, "settings_hash": entry.settings_hash, "inputs": entry.inputs}
        return {**told, "digest": reference.digest, "made_from": made_from, "device": device}


if __name__ == "__main__":
    sys.exit(main())
