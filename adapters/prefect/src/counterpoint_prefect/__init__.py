"""Counterpoint pipelines on Prefect: a flow of tasks, and back."""

from __future__ import annotations

from counterpoint_prefect.adapter import ADAPTER

__all__ = ["ADAPTER"]
