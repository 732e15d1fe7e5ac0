"""What Prefect loads: the flow of every served pipeline, as an attribute by the pipeline's name."""

from __future__ import annotations

from counterpoint.running import find_pipeline, served_pipelines
from counterpoint_prefect.translate import flow_of

FLOWS = {pipeline.name: flow_of(pipeline) for pipeline in map(find_pipeline, served_pipelines())}
globals().update(FLOWS)
