"""In which order DAGs move: what hangs together in one wave where it fits, the easiest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from counterpoint_migrate.plan.settings import Settings

_DIGITS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """DAGs that move at once: one, or all of a cycle; `score` says how well it goes first."""

    dags: tuple[str, ...]
    tasks: int
    score: float


Option = tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Ties:
    """How strongly units hang together: the sums of the weights of dependencies, in both directions.

    `outside` is what a unit hangs on that never moves, for it is not in the folder.
    """

    between: Mapping[Unit, Mapping[Unit, float]]
    outside: Mapping[Unit, float]

    def to(self, option: Option, others: Container[Unit]) -> float:
        """How strongly units hang on others."""
        return sum(weight for other, weight in self._around(option) if other in others)

    def attachment(self, option: Option, moved: set[Unit]) -> float:
        """From 1, all that units hang on has moved, to -1, nothing has; 0 where they hang on nothing."""
        every = sum(weight for _, weight in self._around(option)) + sum(self.outside[unit] for unit in option)
        return (2 * self.to(option, moved) - every) / every if every else 0.0

    def _around(self, option: Option) -> Iterator[tuple[Unit, float]]:
        for unit in option:
            yield from ((other, weight) for other, weight in self.between[unit].items() if other not in option)


def ties(
    units: Sequence[Unit], weights: Mapping[tuple[str, str], float], outside: Mapping[str, float] | None = None
) -> Ties:
    """The ties of units, from the weight of each pair of DAGs and of what each DAG hangs on outside the folder."""
    home = {dag: unit for unit in units for dag in unit.dags}
    between: dict[Unit, dict[Unit, float]] = {unit: {} for unit in units}
    for (before, later), weight in sorted(weights.items()):
        one, other = home[before], home[later]
        if one is not other:
            between[one][other] = between[one].get(other, 0.0) + weight
            between[other][one] = between[other].get(one, 0.0) + weight
    return Ties(between, {unit: sum((outside or {}).get(dag, 0.0) for dag in unit.dags) for unit in units})


def waves(units: Sequence[Unit], hang: Ties, settings: Settings) -> list[list[Unit]]:
    """All units, wave by wave.

    What is left falls into groups that hang together. A group that fits into a wave moves as a whole; of a larger one a
    unit is taken at a time. What has the highest rank comes next: its score, plus its attachment times the weight
    `together`. A wave goes on with what hangs on it, else with what ranks highest if that opens no more than it closes.
    """
    choices = _Choices(sorted(units, key=lambda unit: unit.dags), hang, settings)
    found: list[list[Unit]] = []
    while choices.left:
        wave: list[Unit] = []
        while option := choices.next(wave):
            wave += option
            choices.take(option)
        found.append(wave)
    return found


Ranked = tuple[float, tuple[str, ...], Option]  # the rank, negative, and the dags of the first unit: the least is best


class _Choices:
    """What may move next; only the group that a unit was taken of is looked at again."""

    def __init__(self, units: Sequence[Unit], hang: Ties, settings: Settings) -> None:
        self.hang, self.settings = hang, settings
        self.moved: set[Unit] = set()
        self.left = dict.fromkeys(units)
        self.group: dict[Unit, int] = {}
        self.members: dict[int, list[Unit]] = {}
        for number, group in enumerate(_hanging_together(units, hang)):
            self.members[number] = list(group)
            self.group |= dict.fromkeys(group, number)
        self.ranked = {number: self._ranked(number) for number in self.members}

    def _ranked(self, number: int) -> list[Ranked]:
        """The options of a group, the best first: what still hangs together as a whole where it fits, else by unit."""
        options: list[Option] = []
        for part in _hanging_together([unit for unit in self.members[number] if unit in self.left], self.hang):
            options += [part] if _fits(part, (), self.settings) else [(unit,) for unit in part]
        ranks = ((-_rank(option, self.moved, self.hang, self.settings), option[0].dags, option) for option in options)
        return sorted(ranks, key=_place)

    def take(self, option: Option) -> None:
        """Moves units."""
        self.moved |= set(option)
        for unit in option:
            del self.left[unit]
        for number in {self.group[unit] for unit in option}:
            self.ranked[number] = self._ranked(number)
            if not self.ranked[number]:
                del self.ranked[number]

    def next(self, wave: Sequence[Unit]) -> Option | None:
        """What moves next in a wave; None where the wave ends."""
        best = min((options[0] for options in self.ranked.values()), key=_place, default=None)
        if best is None or not wave:
            return None if best is None else best[2]
        near = (one for number in {self.group[unit] for unit in wave} for one in self.ranked.get(number, ()))
        hanging = (one for one in near if self.hang.to(one[2], wave) and _fits(one[2], wave, self.settings))
        chosen = min(hanging, key=_place, default=None)
        if chosen is not None:
            return chosen[2]
        option = best[2]
        fits = _fits(option, wave, self.settings) and self.hang.attachment(option, self.moved) >= 0
        return option if fits else None


def _place(ranked: Ranked) -> tuple[float, tuple[str, ...]]:
    return ranked[:2]


def _hanging_together(left: Sequence[Unit], hang: Ties) -> list[Option]:
    open_, found = set(left), list[Option]()
    for unit in left:
        group, stack = list[Unit](), [unit]
        while stack:
            one = stack.pop()
            if one in open_:
                open_.discard(one)
                group.append(one)
                stack += hang.between[one]
        if group:
            found.append(tuple(sorted(group, key=lambda one: one.dags)))
    return found


def _rank(option: Option, moved: set[Unit], hang: Ties, settings: Settings) -> float:
    dags = sum(len(unit.dags) for unit in option)
    mean = sum(unit.score * len(unit.dags) for unit in option) / dags
    return round(mean + settings.weights["together"] * hang.attachment(option, moved), _DIGITS)


def _fits(option: Option, wave: Sequence[Unit], settings: Settings) -> bool:
    every = (*wave, *option)
    tasks = sum(unit.tasks for unit in every)
    return sum(len(unit.dags) for unit in every) <= settings.max_dags and tasks <= (settings.max_tasks or tasks)


def in_order(wave: Sequence[Unit], before: Mapping[Unit, set[Unit]]) -> list[str]:
    """The DAGs of a wave so that each comes after what it needs; of those that may come next the best first."""
    left = sorted(wave, key=lambda unit: (-unit.score, unit.dags))
    found: list[str] = []
    while left:
        waiting = set(left)
        ready = next(unit for unit in left if not before.get(unit, set()) & waiting - {unit})
        left.remove(ready)
        found += ready.dags
    return found
