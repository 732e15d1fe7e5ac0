"""Whether a change between repeated measurements is beyond their noise.

The rule: the logarithms of the values are compared by the t-test that lets each side have a variance of its own (Welch,
Biometrika 34, 1947), which asks for at least `ROUNDS` values a side; the chances of all figures are adjusted together
for how many they are (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 1995), so that about `LEVEL` of what is told is
noise; and what changed by less than `EFFECT` is not told. Tests by ranks cannot decide with three values a side: their
least two-sided chance is 0.1.
"""

from __future__ import annotations

import math
from statistics import fmean, variance
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Term = tuple[int, Sequence[float]]

# simulated with five rounds, noise that is uniform, skewed or has outliers brings a false alarm to about 3 of 100 pairs
# of equal reports at most; what has two modes is told falsely more often, most of all with three rounds.
# a machine also differs by some percent from day to day, which no round shows: hence the least effect
LEVEL, EFFECT, ROUNDS = 0.02, 0.1, 3
# values that agree by luck, or by the ticks of a clock, are not without noise: this is the least standard deviation
_SPREAD = 0.02
_RESOLUTION = {"s": 0.005, "CPU s": 0.002, "CPU s/min": 0.05, "bytes": 4096.0, "": 0.1}


def at_least(value: float, unit: str) -> float:
    """A value, or the resolution of its unit where that is more: nothing is told of what is smaller, or negative."""
    return max(value, _RESOLUTION[unit])


def chance(terms: Sequence[Term], unit: str) -> float:
    """The chance that the logarithms' means, added with their signs, are as far from 0 as this by noise alone.

    Two terms (+1 new, -1 old) make a ratio, four a ratio of ratios. Each has two values or more.
    """
    logs = [(sign, [math.log(at_least(value, unit)) for value in values]) for sign, values in terms]
    parts = [max(variance(values), _least(values, unit) ** 2) / len(values) for _, values in logs]
    total = sum(parts)
    freedom = total**2 / sum(part**2 / (len(values) - 1) for part, (_, values) in zip(parts, logs, strict=True))
    return student(sum(sign * fmean(values) for sign, values in logs) / math.sqrt(total), freedom)


def _least(logs: Sequence[float], unit: str) -> float:
    return max(_SPREAD, _RESOLUTION[unit] / math.exp(fmean(logs)))


def student(t: float, freedom: float) -> float:
    """The chance of a value as far from 0 as `t` by Student's distribution, of 1 degree of freedom or more."""
    from scipy.special import stdtr  # scipy.stats takes two seconds longer to import

    return float(2 * stdtr(freedom, -abs(t)))


def adjusted(chances: Sequence[float]) -> list[float]:
    """Each chance times the number of all over its rank, and no more than a greater one's (Benjamini and Hochberg)."""
    order = sorted(range(len(chances)), key=lambda place: chances[place], reverse=True)
    found, least = [1.0] * len(chances), 1.0
    for rank, place in zip(range(len(chances), 0, -1), order, strict=True):
        least = min(least, chances[place] * len(chances) / rank)
        found[place] = least
    return found


def is_large(ratio: float) -> bool:
    """Whether a change is worth telling, whichever way."""
    return max(ratio, 1 / ratio) >= 1 + EFFECT
