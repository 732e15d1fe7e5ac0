"""Which orchestrator for whom: a ranking from a few answers, each reason a measured row or a cited property."""

from __future__ import annotations

from counterpoint.advice.advise import advise
from counterpoint.advice.answer import Advice
from counterpoint.advice.asking import ask
from counterpoint.advice.profile import Profile, example, read_profile, typical
from counterpoint.advice.report import read_results

__all__ = ["Advice", "Profile", "advise", "ask", "example", "read_profile", "read_results", "typical"]
