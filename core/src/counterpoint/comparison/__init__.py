"""The same partition of a pipeline on every orchestrator, side by side: digests, time, memory, code."""

from __future__ import annotations

from counterpoint.comparison.report import write_report
from counterpoint.comparison.results import results_of
from counterpoint.comparison.rounds import rounds_of
from counterpoint.comparison.runs import Comparison, compare

__all__ = ["Comparison", "compare", "results_of", "rounds_of", "write_report"]
