"""Pipelines of which a step needs a person's approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from counterpoint.errors import TransientError
from counterpoint.model import Partitions, Pipeline, TriggerRule, approval, step

START = Partitions(start="2026-01-01")
SOON = {"poll": timedelta(seconds=0.1), "timeout": timedelta(minutes=2)}


@step()
def figures(partition, factor):
    return partition.day.day * factor


@step(waits=(approval(by=("risk", "anna"), note="look at the figures", **SOON),))
def published(figures):
    return figures + 1


@step()
def told(published):
    return published


@step(trigger_rule=TriggerRule.ALL_DONE)
def closed(published):
    return published is None


guarded = Pipeline("guarded", (figures, published, told, closed), START, config={"factor": 2})


@step(after=("figures",), waits=(approval(**SOON),))
def sent(folder):
    if not Path(folder, "ready").exists():
        raise TransientError("the partner does not answer")
    return "sent"


anyone = Pipeline("anyone", (figures, sent), START, config={"factor": 2, "folder": ""})


@step(waits=(approval(poll=timedelta(seconds=0.1), timeout=timedelta(seconds=0.3)),))
def forgotten(figures):
    return figures


unanswered = Pipeline("unanswered", (figures, forgotten), START, config={"factor": 2})


@step()
def listed(partition):
    return [1, 2, 3]


@step(map_over="listed")
def doubled(listed):
    return listed * 2


@step(map_over="doubled", waits=(approval(**SOON),))
def kept(doubled):
    return doubled


mapped = Pipeline("mapped", (listed, doubled, kept), START)

# on services a look may take a process that starts
ASKED = approval(note="look at the figures", poll=timedelta(seconds=20), timeout=timedelta(minutes=15))
steps = tuple(replace(s, waits=(ASKED,) if s.waits else ()) for s in guarded.steps)
served = replace(guarded, name="served_consent", steps=steps)
