"""The flow file of a pipeline, as a person would write it: a task a step, in Prefect's own terms."""

from __future__ import annotations

import re
from dataclasses import asdict
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from counterpoint.build.rendering import commented
from counterpoint.build.source import Call, Code, call, imported, statement
from counterpoint.model import TriggerRule, grouped, order
from counterpoint_prefect.policies import may_retry
from counterpoint_prefect.translate import native_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from counterpoint.build.order import Build
    from counterpoint.model import Pipeline, Step

# what the file imports: of the standard library, then of others
_IMPORTED: list[dict[str, set[str]]] = [
    {"datetime": {"timedelta"}},
    {
        "counterpoint_prefect.generated": {"WORKERS", "Run", "Steps", "may_retry", "run_name"},
        "prefect": {"State", "flow"},
        "prefect.task_runners": {"ThreadPoolTaskRunner"},
    },
]
# the names of the file itself, which no task may have
_USED = {
    *(name for group in _IMPORTED for names in group.values() for name in names),
    *("CONFIGURATION", "date", "request", "run", "steps", "str", "submit"),
}
# what a task has when its file does not say so
_DEFAULTS: dict[str, Any] = {
    "description": None,
    "tags": set(),
    "asset_deps": [],
    "retries": 0,
    "retry_jitter_factor": None,
}


def flow_file(build: Build) -> str:
    """The text of the file; its flow is an attribute that `flow_name` names."""
    pipeline, tasks = build.pipeline, grouped(build.pipeline)
    sections = [
        [
            "# What every run is given; of a secret, the place of its value.",
            statement("CONFIGURATION = ", asdict(build.configuration)),
        ],
        [
            statement("steps = ", call("Steps", build.reference, Code("CONFIGURATION"), structure=build.structure)),
            "",
            *(line for name in order(tasks) for line in _task(tasks, tasks.step(name))),
        ],
    ]
    body = "\n\n".join("\n".join(section) for section in sections)
    body = "\n\n\n".join([body, "\n".join(_submit(tasks)), "\n".join(_flow(pipeline))])
    return "\n".join([*commented(build.header), _imports(body), "", body, ""])


def flow_name(pipeline: Pipeline) -> str:
    """The name of the flow in the file."""
    return _free(pipeline.name, {*_USED, *pipeline.step_names})


def _free(name: str, taken: Container[str], others: Container[str] = ()) -> str:
    """A name that the file does not use, with an underscore where it must differ; it is then none of others either."""
    free = name
    while free in taken or iskeyword(free) or (free != name and free in others):
        free += "_"
    return free


def _imports(body: str) -> str:
    """The imports of what a file uses."""
    used = set(re.findall(r"(?<![\w.\"])[A-Za-z_]+\b", body))
    groups = [
        [imported(module, names & used) for module, names in group.items() if names & used] for group in _IMPORTED
    ]
    return "\n\n".join("\n".join(lines) for lines in groups if lines)


def _task(pipeline: Pipeline, step: Step) -> Iterable[str]:
    native = {"timeout": step.timeout, **native_of(pipeline, step)}
    defaults = {**_DEFAULTS, "timeout": None, "task_run_name": step.name}
    stated = {
        name: Code("may_retry") if value is may_retry else value
        for name, value in native.items()
        if name not in defaults or value != defaults[name]
    }
    yield from commented(_remarks(step))
    yield statement(f"{_variable(pipeline, step.name)} = ", call("steps.task", step.name, **stated))


def _remarks(step: Step) -> Iterable[str]:
    """What decides whether and with what a task runs, and is no argument of a Prefect task."""
    if step.trigger_rule is not TriggerRule.ALL_SUCCESS:
        yield f"runs by the rule {step.trigger_rule.value}"
    if step.when:
        yield f"runs when {step.when.step} has chosen {step.when.choice!r}"
    for wait in step.external_inputs:
        yield f"reads {wait.of('{date}')} as {wait.parameter}"
    for wait in step.waits:
        yield f"waits for {wait.kind.value.replace('_', ' ')} {wait.target!r}, looks for it every {wait.poll}"
    for source in step.inputs:
        if source.window:
            yield f"reads {source.step} of {source.window}"


def _submit(pipeline: Pipeline) -> Iterable[str]:
    """The function that submits the tasks with their edges."""
    yield "def submit(run: Run) -> None:"
    for name in order(pipeline):
        step = pipeline.step(name)
        edges = {"upstream": [Code(_variable(pipeline, other)) for other in step.upstream]} if step.upstream else {}
        method = "run.map" if step.map_over is not None else "run.submit"
        yield statement("", call(method, Code(_variable(pipeline, name)), **edges), indent=4)


def _flow(pipeline: Pipeline) -> Iterable[str]:
    arguments = {
        "name": pipeline.name,
        **({"description": pipeline.description} if pipeline.description else {}),
        "flow_run_name": Code("run_name"),
        "task_runner": Code("ThreadPoolTaskRunner(max_workers=WORKERS)"),
    }
    yield statement("@", Call("flow", keywords=arguments))
    yield f"def {flow_name(pipeline)}(date: str | None = None, request: str | None = None) -> State:"
    yield "    # without a date, the partition that ended before the scheduled time"
    yield "    return steps.run(submit, date, request)"


def _variable(pipeline: Pipeline, step: str) -> str:
    """The name of a step's task in the file, which must not be one that the file uses itself."""
    return _free(step, {*_USED, flow_name(pipeline)}, pipeline.step_names)
