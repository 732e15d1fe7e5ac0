"""Contracts between steps: pandera schemas for tables, plain callables for other values."""

from __future__ import annotations

from counterpoint.contracts.check import CHECK_NAME, CheckResult, check
from counterpoint.contracts.validated import Validated, split

__all__ = ["CHECK_NAME", "CheckResult", "Validated", "check", "split"]
