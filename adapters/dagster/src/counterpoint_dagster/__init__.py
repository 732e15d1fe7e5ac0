"""Counterpoint pipelines on Dagster: assets by their public names, and back."""

from __future__ import annotations

from counterpoint_dagster.adapter import ADAPTER

__all__ = ["ADAPTER"]
