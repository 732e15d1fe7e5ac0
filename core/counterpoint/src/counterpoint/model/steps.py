"""Steps: one pure function each, with the names of its inputs and the policies it runs under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeGuard

from counterpoint.errors import DefinitionError
from counterpoint.model.functions import parameters, reference_of, returns_nothing
from counterpoint.model.partitions import Window
from counterpoint.model.policies import Breaker, RetryPolicy, TriggerRule, When
from counterpoint.model.secrets import Secret, secrets_of
from counterpoint.model.waits import Wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from counterpoint.model.resources import Resources

# Of a field that is left out of a step's JSON value where it says nothing: that value, and what is digested from it,
# stays as it was for steps which do not use the field.
SPARSE = {"omit_default": True}
# Parameters that the runner provides to a step function that has them.
PROVIDED = ("partition", "champions", "resubmitted", "checkpoint", "idempotency_key", "outcomes")


class OutputKind(StrEnum):
    """What a step returns, which decides how it is stored."""

    TABLE = "table"
    MODEL = "model"
    METRICS = "metrics"
    VALUE = "value"
    BRANCH = "branch"
    REGISTRATION = "registration"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Output:
    """What a step returns: its kind, its contract as `module:attribute`, and for a branch the choices.

    Of a model, `trusted` are the full names of types of one's own that an estimator of scikit-learn holds. `predict` is
    a function, as `module:name`, of the model and a frame: what a registered model answers with. Without it the
    library's own prediction is used.
    """

    kind: OutputKind = OutputKind.VALUE
    contract: str | None = None
    choices: tuple[str, ...] = ()
    partitioned: bool = True
    trusted: tuple[str, ...] = ()
    predict: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One parameter of a step function, and the step whose output it receives.

    With a window the function receives a dict from partition key to value, oldest first. With `partial`
    (`module:function`) each value is that function's result for the partition, computed once and stored.
    """

    parameter: str
    step: str
    window: Window | None = None
    partial: str | None = None


def windowed(step: str, window: str, partial: str | None = None) -> Input:
    """An input over several partitions of a step: `windowed("events", "t-6..t")`."""
    return Input("", step, Window.parse(window), partial)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline; see `step` for how to make one.

    `observe` is a function, as `module:name`, of settings and `partition` by name. It returns a digest of what the
    step reads from outside the pipeline, so that a changed source makes the output stale, and it raises when the
    source cannot be right, before anything runs.

    `freshness` is how old the output may be when it is used or checked. `max_input_age` is how old the inputs may be at
    the end of the partition: with older input the step refuses to run. `waits` are things that must exist before it
    begins. `reprocess` is a function, as `module:name`, of rejected rows (a frame) that returns those to try again,
    with the partition that each belongs to in its column `partition`.

    `effect` says that the step acts on external systems, for example by sending a message: it runs once in each run,
    even if an output exists, and only in production unless a request says otherwise. It is the default of a step
    without an output.

    `code` declares code and files that decide the output but are not imported: full names of modules (of a package, all
    of it), and patterns of files relative to the folder of the function's module, such as `sql/*.sql`.

    `secrets` are parameters that receive secrets, resolved in the worker: their names alone decide the output.

    `resources` is what one attempt needs: its process is killed when it takes more memory, and its libraries start as
    many threads as it has CPUs. `image` is the container image that it runs in, `env` the variables of its process
    alone, which count for the freshness of its output. `owner` is an e-mail address or `team:NAME`; `tags` are shown
    by the orchestrators. A pipeline gives its own owner and tags to the steps that say none.

    Steps of one `group` are executed by one task of an orchestrator, one after the other; each remains a step with its
    own output, record, retries and status.
    """

    name: str
    function: str
    inputs: tuple[Input, ...] = ()
    settings: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    output: Output = field(default_factory=Output)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: timedelta | None = None
    pool: str | None = None
    when: When | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    map_over: str | None = None
    after: tuple[str, ...] = ()
    freshness: timedelta | None = None
    observe: str | None = None
    max_input_age: timedelta | None = None
    breaker: Breaker | None = None
    waits: tuple[Wait, ...] = ()
    reprocess: str | None = None
    effect: bool = False
    code: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    description: str = ""
    resources: Resources | None = field(default=None, metadata=SPARSE)
    image: str | None = field(default=None, metadata=SPARSE)
    env: Mapping[str, str] = field(default_factory=dict, hash=False, metadata=SPARSE)
    owner: str | None = field(default=None, metadata=SPARSE)
    tags: Mapping[str, str] = field(default_factory=dict, hash=False, metadata=SPARSE)
    group: str | None = field(default=None, metadata=SPARSE)
    wrapped: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the pure function itself, as a unit test does."""
        if self.wrapped is None:
            raise DefinitionError(f"step {self.name} refers to {self.function}: import and call that function")
        return self.wrapped(*args, **kwargs)

    @property
    def external_inputs(self) -> tuple[Wait, ...]:
        """The inputs from other pipelines: those of its waits that a parameter receives."""
        return tuple(wait for wait in self.waits if wait.parameter)

    @property
    def upstream(self) -> tuple[str, ...]:
        """The names of the steps of the same partition that this step waits for, each once, in order."""
        names = [i.step for i in self.inputs if i.window is None or i.window.last == 0]
        names += [self.when.step] if self.when else []
        return tuple(dict.fromkeys([*names, *self.after]))


def _is_external(source: object) -> TypeGuard[Wait]:
    return isinstance(source, Wait) and source.parameter is not None


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step whose parameters are not classified yet; a `Pipeline` does that, because it knows all names."""

    function: Callable[..., Any] | str
    inputs: Mapping[str, str | Input | Wait]
    policies: Mapping[str, Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the pure function itself, as a unit test does."""
        if isinstance(self.function, str):
            raise DefinitionError(f"import {self.function} and call it: this is its description only")
        return self.function(*args, **kwargs)

    @property
    def wrapped(self) -> Callable[..., Any] | None:
        """The decorated function, or None for a `module:name` reference."""
        return None if isinstance(self.function, str) else self.function

    @property
    def name(self) -> str:
        """The step's name: as given, else the function's."""
        reference = self.function if isinstance(self.function, str) else reference_of(self.function)
        return str(self.policies.get("name") or reference.partition(":")[2])

    def resolve(self, steps: set[str], settings: set[str]) -> Step:
        """The step, with its parameters classified as inputs, settings or values that the runner provides.

        Raises:
            DefinitionError: A parameter is none of these.
        """
        names = parameters(self.function)
        declared: Any = self.inputs
        if not isinstance(declared, Mapping):
            expected = "a mapping from parameters to steps, for example {'days': windowed('orders', 't-6..t')}"
            raise DefinitionError(f"step {self.name}: inputs={declared!r} is none: write {expected}")
        external = {name: replace(wait, parameter=name) for name, wait in self.inputs.items() if _is_external(wait)}
        explicit = {name: self._input(name) for name in self.inputs if name not in external}
        secrets = secrets_of(self.name, self.policies.get("secrets", ()))
        self._refuse_taken(secrets, names, steps, settings)
        names = tuple(name for name in names if name not in {secret.name for secret in secrets})
        self._refuse_unknown(names, steps, settings)
        names = tuple(name for name in names if name not in external)
        other_names = [name for name in names if name not in explicit]
        inputs = [explicit.get(n) or Input(n, n) for n in names if n in explicit or (n in steps and n not in settings)]
        waits = (*self.policies.get("waits", ()), *external.values())
        reference = self.function if isinstance(self.function, str) else reference_of(self.function)
        return Step(
            function=reference,
            inputs=tuple(inputs),
            settings=tuple(name for name in other_names if name in settings),
            provided=tuple(name for name in other_names if name in PROVIDED and name not in settings),
            wrapped=self.wrapped,
            **{**self.policies, "name": self.name, "secrets": secrets, "waits": waits, **self._output()},
        )

    def _output(self) -> dict[str, Any]:
        """The declared output, else none if the function returns nothing; a step without an output is an effect."""
        declared = self.policies.get("output", Output(OutputKind.NONE) if returns_nothing(self.function) else Output())
        output = Output(OutputKind.NONE) if declared is None else declared
        return {"output": output, "effect": self.policies.get("effect", output.kind is OutputKind.NONE)}

    def _input(self, parameter: str) -> Input:
        source = self.inputs[parameter]
        if isinstance(source, str):
            return Input(parameter, source)
        if isinstance(source, Wait) or not hasattr(source, "window"):
            raise DefinitionError(
                f"step {self.name}: input {parameter!r} is {source!r}: name a step, or windowed(...) or input_from(...)"
            )
        return Input(parameter, source.step, source.window, source.partial)

    def _refuse_taken(
        self, secrets: tuple[Secret, ...], names: tuple[str, ...], steps: set[str], settings: set[str]
    ) -> None:
        """Refuses a secret that no parameter receives, or whose parameter receives something else."""
        kinds = {"an input": set(self.inputs), "a setting": settings, "a step": steps, "provided": set(PROVIDED)}
        for secret in secrets:
            if secret.name not in names:
                raise DefinitionError(
                    f"step {self.name}: its function has no parameter {secret.name!r} for that secret; it has {names}"
                )
            for kind, taken in kinds.items():
                if secret.name in taken:
                    raise DefinitionError(
                        f"step {self.name}: secret {secret.name!r} is {kind}, too: rename one of them"
                    )

    def _refuse_unknown(self, names: tuple[str, ...], steps: set[str], settings: set[str]) -> None:
        for name in self.inputs:
            if name not in names:
                raise DefinitionError(f"step {self.name}: its function has no parameter {name!r}; it has {names}")
        for name in names:
            if name not in self.inputs and name not in steps and name not in settings and name not in PROVIDED:
                raise DefinitionError(
                    f"step {self.name}: parameter {name!r} is neither a step ({', '.join(sorted(steps))}),"
                    f" nor a setting ({', '.join(sorted(settings))}), nor provided ({', '.join(PROVIDED)});"
                    f" rename it, or name its step in inputs={{{name!r}: ...}}, or list it in secrets="
                )


def step(
    function: Callable[..., Any] | str | None = None,
    *,
    inputs: Mapping[str, str | Input | Wait] | None = None,
    **policies: Any,
) -> Any:
    """A step from a function or a `module:function` reference; also a decorator, `@step(output=...)`.

    Parameters of the function are, by their names: steps (their outputs), settings of the pipeline, or what
    the runner provides (`partition`, `champions`, `resubmitted`, `checkpoint`, `idempotency_key`, `outcomes`). `inputs`
    names the step of a parameter called otherwise, its window, or a step of another pipeline (`input_from`). `policies`
    are the other fields of `Step`; `output=None` says that there is none. `secrets` lists parameters that receive
    secrets, or maps them to default references: `secrets={"api_key": "env:API_KEY"}`.
    """
    unknown = sorted(set(policies) - set(Step.__dataclass_fields__))
    if unknown:
        raise DefinitionError(
            f"step: no such property {unknown[0]!r}; there are {', '.join(Step.__dataclass_fields__)}"
        )
    if function is None:
        return lambda decorated: StepSpec(decorated, inputs or {}, policies)
    return StepSpec(function, inputs or {}, policies)
