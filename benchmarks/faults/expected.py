"""The twelve faults, and what must be told of each, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass

ALL = ("orders", "checked", "features", "left_evaluation", "right_evaluation", "report")
DATABASE = "database_away"


@dataclass(frozen=True)
class Fault:
    """A fault, and what is expected of the cell.

    `step` is the one that fails (None: none does), `failure` its class, `words` of which one stands in the cause,
    `attempts` of that step, `severity` of the one alert (None: none is sent), `redone` the steps that a retry
    computes. With `is_in_source` the source holds something else than it should, and `orders` is what it holds.
    """

    name: str
    told: str
    step: str | None
    failure: str | None
    words: tuple[str, ...] = ()
    attempts: int = 1
    severity: str | None = "P0"
    is_in_source: bool = False

    @property
    def redone(self) -> tuple[str, ...]:
        """The failed step and those that waited for it; `report` ran without it, and is made again from more.

        Where the source itself was mended, what was read of it is read again.
        """
        if self.step is None:
            return ()
        if self.step == "left_evaluation":
            return (self.step, "report")
        return ALL if self.is_in_source else ALL[ALL.index(self.step) :]


FAULTS = (
    Fault("bug_in_validation", "a bug in validation", "checked", "code_bug", ("undefined_limit",)),
    Fault("contract_breach", "a contract breach", "checked", "bad_data", ("amount",), severity="P1", is_in_source=True),
    Fault("empty_input", "an empty input", "orders", "bad_data", ("empty",), severity="P1", is_in_source=True),
    Fault(
        "header_only",
        "a header-only file",
        "checked",
        "bad_data",
        ("0 good rows", "minimum"),
        severity="P1",
        is_in_source=True,
    ),
    Fault(
        "stale_input", "a stale input", "orders", "missing_input", ("older", "old"), severity="P1", is_in_source=True
    ),
    Fault("transient_that_heals", "a transient that heals on the 2nd try", None, None, attempts=2, severity=None),
    Fault("transient_that_stays", "one that never heals", "orders", "transient", ("refused",), attempts=2),
    Fault("timeout_in_c", "a time-out in a C extension", "features", "timeout", ("time-out",)),
    Fault("killed", "a step killed with -9", "checked", "killed", ("SIGKILL", "signal 9", "killed", "-9")),
    Fault("out_of_memory", "a step that eats memory up to a limit", "checked", "killed", ("MemoryError", "memory")),
    Fault(DATABASE, "the orchestrator's database away for 20 s", None, None, severity=None),
    Fault("one_evaluation_fails", "one of two evaluations fails", "left_evaluation", "code_bug", ("mean",)),
)
