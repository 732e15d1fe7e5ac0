"""The flows that Prefect loads: one per served pipeline, as an attribute with the pipeline's name."""

from __future__ import annotations

from counterpoint.runtime import find_pipeline, served_pipelines
from counterpoint_prefect.translate import translate

FLOWS = {find_pipeline(name).name: translate(find_pipeline(name), name) for name in served_pipelines()}
globals().update(FLOWS)
