"""Functions by reference: their parameters and digests are read from the source, and nothing is imported for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from counterpoint import model
from counterpoint.errors import DefinitionError
from counterpoint.model import code_digest, load
from counterpoint.model.functions import parameters_of

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"polars", "torch", "pandera", "mlflow", "numpy", "pandas", "narwhals", "deltalake", "pyarrow"}


def run(code: str, *folders: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(f) for f in folders]}\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_describing_streamrec_imports_nothing_heavy() -> None:
    loaded = run("import streamrec.pipeline, counterpoint.runtime, counterpoint.testing.scenarios; print(*sys.modules)")
    assert HEAVY.isdisjoint(loaded.split())


def test_parameters_are_read_from_the_source(tmp_path: Path) -> None:
    package = tmp_path / "somewhere" / "deep"
    package.mkdir(parents=True)
    (package / "steps.py").write_text(
        "raise RuntimeError('imported')\ndef f(a, /, b: int, *rest, c=1, **more):\n    def g(x): ...\n"
    )
    code = "from counterpoint.model.functions import parameters_of; print(parameters_of('somewhere.deep.steps:f'))"
    assert run(code, tmp_path) == "('a', 'b', 'c')"


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(DefinitionError, match="module 'a_module_nobody_has' cannot be found: install the package"):
        parameters_of("a_module_nobody_has:f")
    with pytest.raises(DefinitionError, match=r"json\.decoder defines no function 'nothing' at its top level"):
        parameters_of("json.decoder:nothing")
    with pytest.raises(DefinitionError, match="install the package that holds it"):
        load("a_module_nobody_has:f")
    with pytest.raises(DefinitionError, match="json:nothing"):
        load("json:nothing")


def test_an_object_within_a_class_is_loaded() -> None:
    assert load("json:JSONDecoder.decode").__name__ == "decode"


DIGEST = "from counterpoint.model import code_digest; print(code_digest('pack.steps:f'))"


def test_the_code_digest_follows_the_modules_of_the_same_package(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "steps.py").write_text("import json\nfrom pack.helpers import h\ndef f(): return h()\n")
    (package / "helpers.py").write_text("from pack import deeper\ndef h(): return deeper.X\n")
    (package / "deeper.py").write_text("X = 1\n")
    (package / "other.py").write_text("Y = 1\n")
    first = run(DIGEST, tmp_path)
    (package / "other.py").write_text("Y = 2\n")
    assert run(DIGEST, tmp_path) == first
    (package / "deeper.py").write_text("X = 2\n")
    assert run(DIGEST, tmp_path) != first


def test_two_functions_of_a_module_have_one_digest() -> None:
    assert code_digest("streamrec.features:daily_partials") == code_digest("streamrec.features:training_features")
    assert code_digest("streamrec.features:daily_partials") != code_digest("streamrec.source:raw_interactions")


def test_the_public_names_of_the_model() -> None:
    assert {name for name in model.__all__ if name[0].isupper()} >= {
        "Step", "Input", "Output", "OutputKind", "Window", "RetryPolicy", "When", "TriggerRule", "Pool", "Schedule",
        "Partitions", "Partition", "PartitionKind", "Pipeline", "ArtifactRef", "Materialization", "RunRequest",
        "RunRecord", "StepRecord", "NativeRun", "NativeStep", "Champion", "Decision", "Status", "RunDecision",
        "ErrorInfo",
    }  # fmt: skip
    assert list(model.__all__) == sorted(model.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert all(getattr(model, name) is not None for name in model.__all__)
