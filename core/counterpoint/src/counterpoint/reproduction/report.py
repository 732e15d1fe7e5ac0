"""What came of making something again: the same bit for bit, or what differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# in the order in which they explain another
KINDS = ("code", "data", "configuration", "package", "machine")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was recorded; `kind` is one of `KINDS`, `what` names it."""

    kind: str
    what: str
    recorded: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One output that was made again; `now` is None where it could not be, for the reason in `error`."""

    step: str
    recorded: str
    now: str | None
    error: str | None = None

    @property
    def same(self) -> bool:
        """Whether its content is the recorded one, bit for bit."""
        return self.now == self.recorded


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of it.

    `code` says which code was used. `missing` names inputs that are not kept any more: then nothing was made. `notes`
    are what a reader should know, such as what could not be checked.
    """

    subject: str
    run_id: str
    pipeline: str
    partition: str
    code: str
    outputs: Sequence[Rebuilt]
    differences: Sequence[Difference]
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def same(self) -> bool:
        """Whether all outputs were made again, bit for bit."""
        return bool(self.outputs) and not self.missing and all(output.same for output in self.outputs)

    @property
    def first(self) -> Difference | None:
        """The first thing that differs, where the result is another one; None where nothing recorded explains it."""
        return None if self.same or not self.differences else self.differences[0]

    @property
    def exit_code(self) -> int:
        """0: the same; 2: inputs are missing; 1: a step failed, and nothing that differs explains it; else 4."""
        if self.same:
            return 0
        if self.missing:
            return 2
        has_failed = any(output.error for output in self.outputs)
        return 1 if has_failed and not self.differences else 4

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **{name: getattr(self, name) for name in ("subject", "run_id", "pipeline", "partition", "code", "same")},
            "first": asdict(self.first) if self.first else None,
            "outputs": [{**asdict(output), "same": output.same} for output in self.outputs],
            "differences": [asdict(difference) for difference in self.differences],
            "missing": list(self.missing),
            "notes": list(self.notes),
        }
