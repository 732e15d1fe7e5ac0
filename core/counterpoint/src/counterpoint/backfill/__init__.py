"""Backfills: several partitions by one plan, written into their own version, the same on every orchestrator."""

from __future__ import annotations

from counterpoint.backfill.backfill import prepare
from counterpoint.backfill.backfill import run as run_backfill
from counterpoint.backfill.dryrun import dry_run
from counterpoint.backfill.promotion import drop_version, promote_version
from counterpoint.backfill.records import BackfillRequest, manifest_of
from counterpoint.backfill.status import grid

__all__ = [
    "BackfillRequest",
    "drop_version",
    "dry_run",
    "grid",
    "manifest_of",
    "prepare",
    "promote_version",
    "run_backfill",
]
