"""The first two steps of StreamRec as a pipeline, for runs in which nothing is trained."""

from __future__ import annotations

from dataclasses import replace

from streamrec.pipeline import pipeline

latecomers = replace(pipeline, name="latecomers", steps=pipeline.steps[:2])
