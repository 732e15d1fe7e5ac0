"""Hooks: extensions that watch or steer the attempts at steps without the kernel knowing them.

A hook of your own is a subclass of `StepHook`, named in your distribution:

    [project.entry-points."counterpoint.hooks"]
    metrics = "mine.hooks:Metrics"
"""

# ruff: noqa: ARG002 - a hook's methods are overridden by subclasses

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from counterpoint.errors import UsageError
from counterpoint.model import load
from counterpoint.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from counterpoint.model import ErrorInfo, Materialization, StepRecord, Wait
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product

log = logging.getLogger(__name__)
GROUP = "counterpoint.hooks"
# listed here, not in this distribution's metadata: with outdated metadata steps would run without these hooks
OWN = (
    "counterpoint.runtime.ownership_gate:Ownership",
    "counterpoint.runtime.approvals:Approvals",
    "counterpoint.runtime.last_started:Begun",
    "counterpoint.runtime.breaker:CircuitBreaker",
    "counterpoint.runtime.checkpoints:Checkpoints",
    "counterpoint.runtime.settings:Settings",
    "counterpoint.runtime.notifications:Notifications",
    "counterpoint.runtime.ending:RunEnd",
    "counterpoint.runtime.openlineage:OpenLineage",
)


class StepHook:
    """The calls that accompany each attempt at a step; a subclass overrides those that it needs.

    Hooks are called by rising `order`, and by name within one order. One object serves all attempts of a process, so it
    must keep no state of an attempt between two calls.
    """

    order: ClassVar[int] = 500

    def awaits(self, context: StepContext) -> Sequence[tuple[Wait, str]] | None:
        """Returns what a step waits for, in place of the waits that it declares.

        Args:
            context: The step of a run that is to begin.

        Returns:
            What is not there yet, each with a description; None if this hook does not decide. The first answer counts.
        """

    def before(self, context: StepContext) -> Materialization | None:
        """Lets an attempt begin, or returns an output to use in its place.

        Args:
            context: The attempt.

        Returns:
            The existing output to use, so that nothing is computed and no later hook is called; else None.

        Raises:
            Exception: The attempt is refused, and has failed with it.
        """

    def calling(self, context: StepContext, fingerprint: str) -> Mapping[str, Any]:
        """Lets the step's function be called; not called when the output is fresh.

        Args:
            context: The attempt.
            fingerprint: The digest of all that decides its output.

        Returns:
            Values for parameters of the function, by name.

        Raises:
            Exception: The call is refused, and the attempt has failed with it.
        """
        return {}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Adds details to an attempt whose function has returned.

        Args:
            context: The attempt.
            values: The values that hooks gave to its function.

        Returns:
            JSON values that are added to the details in the step's record.
        """
        return {}

    def after(self, context: StepContext, product: Product) -> None:
        """Follows a successful attempt, after its output is published and its record is written.

        Args:
            context: The attempt.
            product: The output that was made or reused.

        Raises:
            Exception: The attempt counts as failed for its orchestrator, although its output is published.
        """

    def failed(self, context: StepContext, record: StepRecord) -> None:
        """Follows a failed attempt, after its record is written. An error raised here is only logged.

        Args:
            context: The attempt.
            record: The step's record, with the error.
        """

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Follows the failure of the last attempt, before `failed`; also of a step that was killed.

        An error raised here is only logged.

        Args:
            context: The attempt.
            error: The error.
        """


class Hooks:
    """Several hooks as one, in their order."""

    def __init__(self, hooks: Sequence[StepHook]) -> None:
        self._hooks = tuple(sorted(hooks, key=lambda hook: (hook.order, type(hook).__name__)))

    def __iter__(self) -> Iterator[StepHook]:
        return iter(self._hooks)

    def awaits(self, context: StepContext) -> Sequence[tuple[Wait, str]] | None:
        """The first answer to what a step waits for; None when no hook decides."""
        return next((waits for hook in self if (waits := hook.awaits(context)) is not None), None)

    def before(self, context: StepContext) -> Materialization | None:
        """The first output to use in place of an attempt; None when the attempt may begin."""
        return next((entry for hook in self if (entry := hook.before(context)) is not None), None)

    def calling(self, context: StepContext, fingerprint: str) -> dict[str, Any]:
        """All values that hooks give to the function."""
        return {name: value for hook in self for name, value in hook.calling(context, fingerprint).items()}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> dict[str, Any]:
        """All details that hooks add to the call."""
        return {name: value for hook in self for name, value in hook.called(context, values).items()}

    def after(self, context: StepContext, product: Product) -> None:
        """Lets each hook follow a successful attempt."""
        for hook in self:
            hook.after(context, product)

    def failed(self, context: StepContext, record: StepRecord) -> None:
        """Lets each hook follow a failed attempt."""
        for hook in self:
            with harmless(f"hook {type(hook).__name__}"):
                hook.failed(context, record)

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Lets each hook follow the failure of the last attempt."""
        for hook in self:
            with harmless(f"hook {type(hook).__name__}"):
                hook.given_up(context, error)


@contextmanager
def harmless(who: str) -> Iterator[None]:
    """Logs an error of the block instead of raising it, so that it cannot change the outcome of an attempt."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is
        log.error("%s: %s: %s", who, type(error).__name__, redacted(str(error)))  # noqa: TRY400


@cache
def installed() -> Hooks:
    """Counterpoint's own hooks, and those that installed distributions name.

    Raises:
        UsageError: A hook cannot be loaded, or is no `StepHook`; names it.
    """
    theirs = [point.value for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
    return Hooks([_load_hook(place) for place in (*OWN, *theirs)])


def _load_hook(place: str) -> StepHook:
    try:
        hook = load(place)()
    except Exception as error:
        raise UsageError(
            f"hook {place} cannot be created ({type(error).__name__}: {error}): mend it, or uninstall its distribution"
        ) from error
    if not isinstance(hook, StepHook):
        raise UsageError(f"hook {place} is no counterpoint.runtime.hooks.StepHook: make it a subclass of that")
    return hook
