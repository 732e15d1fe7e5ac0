"""Hooks: what watches or steers the attempts at steps, so that the kernel which executes them need not know of it.

A hook of your own is a subclass of `StepHook`, named in your distribution:

    [project.entry-points."counterpoint.hooks"]
    metrics = "mine.hooks:Metrics"
"""

# ruff: noqa: ARG002 - the moments of a hook are methods that a subclass overrides

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
# named here and not in the metadata of this distribution: with metadata that is out of date a step would run without
OWN = (
    "counterpoint.runtime.ownership_gate:Ownership",
    "counterpoint.runtime.last_started:Begun",
    "counterpoint.runtime.breaker:CircuitBreaker",
    "counterpoint.runtime.checkpoints:Checkpoints",
    "counterpoint.runtime.settings:Settings",
    "counterpoint.runtime.notifications:Notifications",
    "counterpoint.runtime.ending:RunEnd",
)


class StepHook:
    """What is called at the moments of each attempt at a step; a subclass overrides those that it needs.

    Hooks are called by rising `order`; those of one order by name. One object serves all attempts of a process, so it
    keeps nothing of one between two moments.
    """

    order: ClassVar[int] = 500

    def awaits(self, context: StepContext) -> Sequence[tuple[Wait, str]] | None:
        """Tells what a step waits for in place of the waits that it declares.

        Args:
            context: The step of a run that is to begin.

        Returns:
            What is not there yet, each with its words; None where this hook has no say. The first answer counts.
        """

    def before(self, context: StepContext) -> Materialization | None:
        """Lets an attempt begin, or answers in its place.

        Args:
            context: The attempt.

        Returns:
            What stands and is to be taken, so that nothing is computed and no hook after this one is asked; else None.

        Raises:
            Exception: The attempt is refused, and has failed with it.
        """

    def calling(self, context: StepContext, fingerprint: str) -> Mapping[str, Any]:
        """Lets the step's function be called; it is not called where what stands is fresh.

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
        """Tells more of an attempt whose function has returned.

        Args:
            context: The attempt.
            values: What hooks gave to its function.

        Returns:
            JSON values that the record of the step has among its details.
        """
        return {}

    def after(self, context: StepContext, product: Product) -> None:
        """Follows an attempt that ended well; its output stands, and its record is written.

        Args:
            context: The attempt.
            product: What was made, or taken.

        Raises:
            Exception: The attempt counts as failed for its orchestrator, though its output stands.
        """

    def failed(self, context: StepContext, record: StepRecord) -> None:
        """Follows an attempt that failed; its record is written. What this raises is logged, and nothing else.

        Args:
            context: The attempt.
            record: What was recorded, with the error.
        """

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Follows the failure after which no other attempt comes, before `failed`; also of a step that was killed.

        What this raises is logged, and nothing else.

        Args:
            context: The attempt.
            error: What was wrong.
        """


class Hooks:
    """Several hooks as one, in their order."""

    def __init__(self, hooks: Sequence[StepHook]) -> None:
        self._hooks = tuple(sorted(hooks, key=lambda hook: (hook.order, type(hook).__name__)))

    def __iter__(self) -> Iterator[StepHook]:
        return iter(self._hooks)

    def awaits(self, context: StepContext) -> Sequence[tuple[Wait, str]] | None:
        """The first answer to what a step waits for; None when no hook has a say."""
        return next((told for hook in self if (told := hook.awaits(context)) is not None), None)

    def before(self, context: StepContext) -> Materialization | None:
        """The first answer in place of an attempt; None when it may begin."""
        return next((entry for hook in self if (entry := hook.before(context)) is not None), None)

    def calling(self, context: StepContext, fingerprint: str) -> dict[str, Any]:
        """All values that hooks give to the function."""
        return {name: value for hook in self for name, value in hook.calling(context, fingerprint).items()}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> dict[str, Any]:
        """All details that hooks tell of the call."""
        return {name: value for hook in self for name, value in hook.called(context, values).items()}

    def after(self, context: StepContext, product: Product) -> None:
        """Lets each hook follow an attempt that ended well."""
        for hook in self:
            hook.after(context, product)

    def failed(self, context: StepContext, record: StepRecord) -> None:
        """Lets each hook follow an attempt that failed."""
        for hook in self:
            with harmless(f"hook {type(hook).__name__}"):
                hook.failed(context, record)

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Lets each hook follow the failure after which no other attempt comes."""
        for hook in self:
            with harmless(f"hook {type(hook).__name__}"):
                hook.given_up(context, error)


@contextmanager
def harmless(who: str) -> Iterator[None]:
    """Keeps what follows an attempt from changing how it ended, or hiding its error: what is raised is logged."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is
        log.error("%s: %s: %s", who, type(error).__name__, redacted(str(error)))  # noqa: TRY400


@cache
def installed() -> Hooks:
    """Counterpoint's own hooks, and those that installed distributions name.

    Raises:
        UsageError: one cannot be loaded, or is no hook; names it.
    """
    theirs = [point.value for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
    return Hooks([_made(place) for place in (*OWN, *theirs)])


def _made(place: str) -> StepHook:
    try:
        found = load(place)()
    except Exception as error:
        raise UsageError(
            f"hook {place} cannot be made ({type(error).__name__}: {error}): mend it, or uninstall its distribution"
        ) from error
    if not isinstance(found, StepHook):
        raise UsageError(f"hook {place} is no counterpoint.runtime.hooks.StepHook: make it a subclass of that")
    return found
