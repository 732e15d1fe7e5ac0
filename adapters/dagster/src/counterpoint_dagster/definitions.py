"""The definitions of every served pipeline, which Dagster loads."""

from __future__ import annotations

import dagster as dg

from counterpoint.runtime import find_pipeline, served_pipelines
from counterpoint_dagster.translate import translate

defs = dg.Definitions.merge(*(translate(find_pipeline(name), name) for name in served_pipelines()))
