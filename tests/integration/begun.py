"""Pipelines that say a word that a setting gives them: one fails with it, two fail in a way of their own."""

from __future__ import annotations

from dataclasses import replace

import mishaps

from counterpoint.model import Partitions, Pipeline, RetryPolicy, Schedule, step

DAYS = Partitions(start="2026-01-01")


@step()
def said(word):
    return word


@step()
def said_again(said):
    return f"{said} {said}"


@step(retry=RetryPolicy(0))
def fails(word):
    raise ValueError(f"no {word}")


@step()
def never(fails):
    return fails


well = Pipeline("well", (said, said_again), DAYS, config={"word": "default"}, schedule=Schedule("0 2 * * *"))
badly = Pipeline("badly", (fails, never), DAYS, config={"word": "default"})
# the services serve a setting to all that they serve
bug, outright = (replace(one, config={**one.config, "word": "default"}) for one in (mishaps.bug, mishaps.outright))
