"""Making a recorded run or a registered model again, from its lineage alone."""

from __future__ import annotations

from counterpoint.reproduction.report import Difference, Reproduction
from counterpoint.reproduction.reproduce import reproduce
from counterpoint.reproduction.subject import Subject, subject_of

__all__ = ["Difference", "Reproduction", "Subject", "reproduce", "subject_of"]
