"""Policies of a step or a pipeline: retries, pools, schedules, conditions, trigger rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from counterpoint.errors import DefinitionError
from counterpoint.model.timezones import zone_of


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed step is retried, and how long it waits before each retry.

    The delay before retry k (k = 1, 2, ...) is min(delay * 2**(k-1), max_delay), stretched by a random
    factor of 1 to 1 + jitter (exponential backoff with bounded jitter).
    """

    retries: int = 0
    delay: timedelta = timedelta(seconds=30)
    max_delay: timedelta = timedelta(minutes=10)
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.delay < timedelta(0) or not 0 <= self.jitter <= 1:
            raise DefinitionError(f"{self}: retries and delay must not be negative, and jitter lies in 0..1")
        if self.max_delay < self.delay:
            raise DefinitionError(f"{self}: max_delay is below delay; raise it to at least {self.delay}")

    def delay_before(self, retry: int, chance: float = 0.0) -> timedelta:
        """The wait before retry number `retry` (from 1); `chance` in 0..1 is the drawn part of the jitter."""
        base: timedelta = min(self.delay * 2 ** (retry - 1), self.max_delay)
        return base * (1 + self.jitter * chance)

    def delays(self) -> tuple[float, ...]:
        """All waits in seconds, without jitter, one per retry."""
        return tuple(self.delay_before(retry).total_seconds() for retry in range(1, self.retries + 1))


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker: a step that failed in `failures` runs in a row (not retries) is switched off for `reset`.

    Then one run may try it (half-open); if that succeeds, the step is on again (closed), else off (open).
    """

    failures: int = 3
    reset: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.failures < 1 or self.reset <= timedelta(0):
            raise DefinitionError(f"{self}: failures must be at least 1, and reset above zero")


@dataclass(frozen=True, slots=True)
class Pool:
    """A named number of slots, shared by every step that names the pool, across runs."""

    name: str
    slots: int

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise DefinitionError(f"pool {self.name!r} has {self.slots} slots: give it at least one")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a pipeline runs by itself: a cron expression in a time zone; each run processes the partition before."""

    cron: str
    timezone: str = field(default="UTC", metadata={"omit_default": True})

    def __post_init__(self) -> None:
        if len(self.cron.split()) != 5:  # noqa: PLR2004 - a cron expression has five fields
            raise DefinitionError(f"schedule {self.cron!r}: write the five fields of cron, for example '0 2 * * *'")
        zone_of(self.timezone)


class TriggerRule(StrEnum):
    """What a step requires of its upstream steps before it runs; each rule waits until all of them have ended.

    `ONE_SUCCESS`: one of them ended well, whatever became of the others. `NONE_FAILED_MIN_ONE_SUCCESS`: one ended well,
    and no other failed. When all of them were skipped, a step with one of these two is skipped too.
    """

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    NONE_FAILED = "none_failed"
    ONE_SUCCESS = "one_success"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"


@dataclass(frozen=True, slots=True)
class When:
    """A condition: the step runs only if the named branch step chose this."""

    step: str
    choice: str
