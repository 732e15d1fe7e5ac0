"""Checkpoints: the saved progress of a step, from which the next attempt resumes if this one is killed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StorageError
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)


class Checkpoint:
    """The last state that a step saved, passed to a step function that has a parameter `checkpoint`.

    A state is any bytes from which the step can resume. Only an attempt with the same inputs, settings and code finds
    it, and it is removed once the step's output is published.
    """

    def __init__(self, objects: Objects, path: str) -> None:
        self._objects, self._path = objects, path
        self._resumed, self._saved = False, 0

    def load(self) -> bytes | None:
        """The state that an earlier attempt saved last, or None if there is none.

        Raises:
            StorageError: The root cannot be read.
        """
        state = self._objects.get(self._path)
        self._resumed = state is not None
        return state

    def save(self, data: bytes) -> None:
        """Replaces the saved state. If the process is killed meanwhile, either the old or the new state is complete.

        Raises:
            StorageError: The root cannot be written.
        """
        self._objects.put(self._path, data)
        self._saved += 1

    def told(self) -> dict[str, Any]:
        """The details for the step's record: whether a state was resumed, and how many this attempt saved."""
        return {"checkpoint": {"resumed": self._resumed, "saved": self._saved}}


class Checkpoints(StepHook):
    """Gives a step function its checkpoint, and removes it once the step is published."""

    order = 600

    def calling(self, context: StepContext, fingerprint: str) -> dict[str, Any]:
        """Passes the checkpoint to a step function that has the parameter."""
        checkpoint = checkpoint_of(context, fingerprint)
        return {} if checkpoint is None else {"checkpoint": checkpoint}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - of the hook
        """Reports how the checkpoint was used."""
        return values["checkpoint"].told() if "checkpoint" in values else {}

    def after(self, context: StepContext, product: Product) -> None:  # noqa: ARG002 - of the hook
        """Removes the saved states."""
        forget(context)


def checkpoint_of(context: StepContext, fingerprint: str) -> Checkpoint | None:
    """The checkpoint of a step whose function has the parameter `checkpoint`; None for other steps."""
    if "checkpoint" not in context.step.provided:
        return None
    path = layout.checkpoint(context.store.version, context.pipeline.name, context.step.name, context.key, fingerprint)
    return Checkpoint(context.store, path)


def forget(context: StepContext) -> None:
    """Removes the states that all attempts at a published step have saved, also those with other inputs or code.

    It never raises: states that remain only take up space.
    """
    if "checkpoint" not in context.step.provided:
        return
    folder = layout.checkpoints_folder(context.store.version, context.pipeline.name, context.step.name)
    try:
        for path in context.store.list(folder):
            if layout.checkpoint_partition_of(path) == context.key:
                context.store.delete(path)
    except StorageError as error:
        log.warning("the checkpoints of %s of %s were not removed: %s", context.step.name, context.key, error)
