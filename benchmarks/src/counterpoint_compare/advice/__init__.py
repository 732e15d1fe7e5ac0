"""Recommends an orchestrator: a ranking from a few answers, each reason a measured row or a cited property."""

from __future__ import annotations

from counterpoint_compare.advice.advise import advise
from counterpoint_compare.advice.answer import Advice
from counterpoint_compare.advice.asking import ask
from counterpoint_compare.advice.profile import Profile, example, read_profile, typical
from counterpoint_compare.advice.report import read_results

__all__ = ["Advice", "Profile", "advise", "ask", "example", "read_profile", "read_results", "typical"]
