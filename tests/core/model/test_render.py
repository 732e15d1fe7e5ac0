"""What `show` says: everything that decides how a pipeline runs, in each of its formats."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from counterpoint.model import (
    Input,
    Output,
    OutputKind,
    PartitionKind,
    Partitions,
    Pipeline,
    Pool,
    RetryPolicy,
    Schedule,
    Step,
    TriggerRule,
    When,
    Window,
    stages,
)
from counterpoint.model.render import as_json, as_mermaid, as_text
from counterpoint.testing import SCENARIOS
from streamrec.pipeline import pipeline as streamrec

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/show.schema.json").read_text(encoding="utf-8"))
EVERYTHING = Pipeline(
    "everything",
    (
        Step("days", "m:days", output=Output(OutputKind.TABLE, contract="m:schema"), description="All events."),
        Step("choice", "m:choice", (Input("days", "days"),), output=Output(OutputKind.BRANCH, choices=("yes", "no"))),
        Step(
            "train",
            "m:train",
            (Input("events", "days", Window(-6, -1)),),
            retry=RetryPolicy(2, timedelta(seconds=30), jitter=0.5),
            timeout=timedelta(hours=2, minutes=30),
            pool="gpu",
            when=When("choice", "yes"),
            freshness=timedelta(hours=26),
        ),
        Step("each", "m:each", (Input("train", "train"),), map_over="train", trigger_rule=TriggerRule.ALL_DONE),
        Step("last", "m:last", after=("each",), trigger_rule=TriggerRule.NONE_FAILED),
    ),
    Partitions(PartitionKind.HOURLY, "2026-01-01T00"),
    (Pool("gpu", 4),),
    Schedule("5 * * * *"),
    timedelta(minutes=45),
    {"seed": 7},
    "All there is.",
)
EVERY = [EVERYTHING, streamrec, *(scenario.pipeline for scenario in SCENARIOS)]


def block(text: str, step: str) -> str:
    """What the text says of one step."""
    found = re.search(rf"^  {step} ->.*\n(?:    .*\n)*", text, re.MULTILINE)
    assert found, f"{step} is not in\n{text}"
    return found[0]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("days", ("table", "All events.", "contract m:schema")),
        ("choice", ("branch", "reads days")),
        (
            "train",
            ("reads days as events [t-6..t-1]", "2 retries", "30, 60 s", "50%", "time-out 2 h 30 min", "pool gpu"),
        ),
        ("train", ("when choice chooses yes", "fresh for 26 h")),
        ("each", ("reads train", "one per element of train", "all_done")),
        ("last", ("after each", "none_failed")),
    ],
)
def test_the_text_tells_every_policy_of_a_step(step: str, words: tuple[str, ...]) -> None:
    said = block(as_text(EVERYTHING), step)
    assert [word for word in words if word not in said] == []


def test_the_text_tells_about_the_whole() -> None:
    text = as_text(EVERYTHING)
    for words in ("everything: All there is.", "hour from 2026-01-01T00, UTC", "scheduled 5 * * * * UTC"):
        assert words in text
    assert "deadline 45 min" in text
    assert "pool gpu (4 slots)" in text
    assert "critical path (5 steps): days -> choice -> train -> each -> last" in text


@pytest.mark.parametrize("pipeline", EVERY, ids=lambda p: p.name)
def test_the_text_has_the_stages_in_order(pipeline: Pipeline) -> None:
    parts = re.split(r"^stage \d+.*$", as_text(pipeline), flags=re.MULTILINE)[1:]
    assert [tuple(re.findall(r"^  (\w+) ->", part, re.MULTILINE)) for part in parts] == list(stages(pipeline))


@pytest.mark.parametrize("pipeline", EVERY, ids=lambda p: p.name)
def test_the_diagram_has_every_step_and_every_edge(pipeline: Pipeline) -> None:
    lines = [line.strip() for line in as_mermaid(pipeline).splitlines()]
    assert lines[0] == "flowchart LR"
    assert {m[1] for line in lines if (m := re.match(r"(\w+)\[", line))} == set(pipeline.step_names)
    drawn = [m for line in lines if (m := re.match(r"(\w+) -\.?->(?:\|(.*)\|)? (\w+)$", line))]
    pattern = r'external_\w+\(\["(.+)"\]\) -->(?:\|(.*)\|)? (\w+)$'
    external = {(m[1], m[3]) for line in lines if (m := re.match(pattern, line))}
    assert external == {(wait.source, s.name) for s in pipeline.steps for wait in s.external_inputs}
    assert len(lines) == 1 + len(pipeline.steps) + len(drawn) + len(external)
    wanted = {(i.step, str(i.window) if i.window else None, s.name) for s in pipeline.steps for i in s.inputs}
    wanted |= {(s.when.step, s.when.choice, s.name) for s in pipeline.steps if s.when}
    wanted |= {(name, None, s.name) for s in pipeline.steps for name in s.after}
    assert {(m[1], m[2], m[3]) for m in drawn} == wanted


@pytest.mark.parametrize("pipeline", EVERY, ids=lambda p: p.name)
def test_the_json_keeps_its_schema(pipeline: Pipeline) -> None:
    document = json.loads(json.dumps(as_json(pipeline)))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert document["stages"] == [list(stage) for stage in stages(pipeline)]


def test_the_json_has_seconds() -> None:
    steps: dict[str, Any] = {step["name"]: step for step in as_json(EVERYTHING)["steps"]}
    assert (steps["train"]["timeout"], steps["train"]["freshness"]) == (9000, 93600)
    assert steps["train"]["retry"] == {"retries": 2, "delay": 30, "max_delay": 600, "jitter": 0.5}
    assert steps["train"]["inputs"][0]["window"] == {"first": -6, "last": -1}
    assert as_json(EVERYTHING)["critical_path"] == {
        "steps": ("days", "choice", "train", "each", "last"),
        "length": 5,
    }
