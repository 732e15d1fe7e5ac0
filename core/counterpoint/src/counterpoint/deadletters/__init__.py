"""Dead letters: rejected rows are stored, retried once in the partition they belong to, and then kept for good."""

from __future__ import annotations

from counterpoint.deadletters.dead_letter_store import all_letters, keep
from counterpoint.deadletters.reprocess import reprocess
from counterpoint.deadletters.resubmitted import resubmitted_digest, resubmitted_rows
from counterpoint.deadletters.survey import overview, shown

__all__ = [
    "all_letters",
    "keep",
    "overview",
    "reprocess",
    "resubmitted_digest",
    "resubmitted_rows",
    "shown",
]
