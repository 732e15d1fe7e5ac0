"""The fault matrix in small: four faults on whatever runs here (without an orchestrator, on the local runner)."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapters
from counterpoint.services import engine_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Once = Callable[[str, Callable[[], Any]], Any]

pytestmark = [
    pytest.mark.service,
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.release("airflow", "dagster", "prefect"),
]
ON = next(iter(sorted(find_adapters())), "local")
HERE = str(Path(__file__).parents[2] / "benchmarks" / "faults")
FOUR = ("contract_breach", "transient_that_heals", "killed", "one_evaluation_fails")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, once: Once) -> Iterator[dict[str, dict[str, Any]]]:
    """The cells of the four faults, by fault."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("COUNTERPOINT_ALERTS", "")  # what the bench sets is taken back
        matrix, cells = import_module("matrix"), import_module("cells")
        reference = once("faults", lambda: matrix.reference(tmp_path_factory.mktemp("reference"), FOUR))
        bench = cells.Bench(tmp_path_factory.mktemp("bench"), ON, reference)
        chosen = {fault.name: fault for fault in matrix.FAULTS if fault.name in FOUR}
        with engine_for(ON, bench.root, (cells.PIPELINE,), service=True) as engine:
            made = bench.all(list(chosen.values()), engine)
        yield {cell["fault"]: {**cell, "goals": matrix.judged(chosen[cell["fault"]], cell)} for cell in made}
        for name in ("matrix", "cells", "days", "expected", "faulty"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("fault", FOUR)
def test_a_fault_is_told_and_mended(found: dict[str, dict[str, Any]], fault: str) -> None:
    cell = found[fault]
    missed = [goal for goal, met in cell["goals"].items() if not met]
    assert not missed, cell
