"""Making a run or a model again, and comparing what came of it with what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.alerts.routes import ROUTES
from counterpoint.errors import StepKilledError, UsageError
from counterpoint.redaction import redacted
from counterpoint.reproduction.checkout import Code, recorded_code
from counterpoint.reproduction.differences import differences
from counterpoint.reproduction.report import Rebuilt, Reproduction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.reproduction.subject import Subject

# nobody is told of a step that is only made again
_SILENT = (ROUTES, "OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "MLFLOW_TRACKING_URI")


def reproduce(subject: Subject, python: Path | None = None) -> Reproduction:
    """Makes a run or a model again from its lineage, in a process and on a root of their own.

    Args:
        subject: What is made again.
        python: The Python that has the packages; by default this one.

    Returns:
        Whether it is the same bit for bit, and all that differs.

    Raises:
        UsageError: the recorded steps or settings are not there, such as a secret that the environment does not hold.
        StepKilledError: the process ended without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="counterpoint-again-") as folder, recorded_code(subject.lineage) as code:
        answer = _ask(subject, code, Path(folder), python or Path(sys.executable))
    if "refused" in answer:
        raise UsageError(f"{subject.name} cannot be made again with {code.words}: {answer['refused']}")
    recorded = {target.name: target.digest for target in subject.targets}
    lineage = subject.lineage
    return Reproduction(
        subject=subject.name,
        run_id=lineage["run_id"],
        pipeline=lineage["pipeline"],
        partition=lineage["partition"],
        code=code.words,
        outputs=[Rebuilt(o["name"], recorded[o["name"]], o["digest"], o["error"]) for o in answer["outputs"]],
        differences=differences(lineage, answer),
        missing=answer["missing"],
        notes=[*code.notes, *_notes(lineage)],
    )


def _notes(lineage: Mapping[str, Any]) -> list[str]:
    if lineage.get("made_from"):
        return []
    return ["the lineage is older than the record of functions, settings and inputs: these were not compared"]


def _ask(subject: Subject, code: Code, folder: Path, python: Path) -> dict[str, Any]:
    answer = folder / "answer.json"
    order = {
        "root": subject.root,
        "work": str(folder / "root"),
        "answer": str(answer),
        "lineage": subject.lineage,
        "targets": [{**asdict(target), "name": target.name} for target in subject.targets],
        "is_model": subject.is_model,
    }
    command = [str(python), "-P", "-m", "counterpoint.reproduction.worker"]
    environment = _environment(code, folder)
    ended = subprocess.run(
        command, input=json.dumps(order), text=True, env=environment, check=False, capture_output=True
    )
    if not answer.exists():
        said = redacted((ended.stderr.strip().splitlines() or ["nothing"])[-1])
        raise StepKilledError(
            f"the process that made {subject.name} again with {code.words} ended with code {ended.returncode} and no"
            f" answer; the last line that it printed: {said}"
        )
    told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told


def _environment(code: Code, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _SILENT}
    path = os.pathsep.join([*code.folders, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        **kept,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "COUNTERPOINT_ROOT": str(folder / "root"),
        "OPENLINEAGE_DISABLED": "true",
    }
