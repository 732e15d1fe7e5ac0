"""The same partition of a pipeline on every orchestrator, side by side: digests, time, memory, code."""

from __future__ import annotations

from counterpoint_compare.report import write_report
from counterpoint_compare.results import results_of
from counterpoint_compare.rounds import rounds_of
from counterpoint_compare.runs import Comparison, compare

__all__ = ["Comparison", "compare", "results_of", "rounds_of", "write_report"]
