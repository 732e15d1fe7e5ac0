"""Frames of other libraries: what a step returns becomes a Polars frame, and a parameter gets the frame it asks for."""

from __future__ import annotations

from counterpoint.frames.asked import as_asked, first_as_asked, frames_asked
from counterpoint.frames.given import POLARS, given_as
from counterpoint.frames.returned import as_polars, named

__all__ = ["POLARS", "as_asked", "as_polars", "first_as_asked", "frames_asked", "given_as", "named"]
