"""Whether a change between repeated measurements is beyond their noise.

The logarithms of the values are compared by Welch's t-test (Biometrika 34, 1947), which allows unequal variances. It
needs at least `ROUNDS` values per side. The p-values of all figures are adjusted together for their number (Benjamini
and Hochberg, J. R. Stat. Soc. B 57, 1995), so that about `LEVEL` of the reported changes are noise. Changes below
`EFFECT` are not reported. Rank tests cannot decide with three values per side: their smallest two-sided p-value is 0.1.
"""

from __future__ import annotations

import math
from statistics import fmean, variance
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Term = tuple[int, Sequence[float]]

# In simulations with five rounds, uniform or skewed noise and outliers cause a false alarm in at most about 3 of 100
# pairs of equal reports. A bimodal figure causes more false alarms, above all with three rounds.
# A machine also differs by some percent from day to day, which rounds of one day do not show: hence EFFECT.
LEVEL, EFFECT, ROUNDS = 0.02, 0.1, 3
# Values that agree by chance, or because of the clock's resolution, still have noise: the smallest standard deviation.
_SPREAD = 0.02
_RESOLUTION = {"s": 0.005, "CPU s": 0.002, "CPU s/min": 0.05, "bytes": 4096.0, "": 0.1}


def at_least(value: float, unit: str) -> float:
    """A value, or the resolution of its unit if that is larger: smaller and negative values are not distinguished."""
    return max(value, _RESOLUTION[unit])


def chance(terms: Sequence[Term], unit: str) -> float:
    """The p-value of the signed sum of the logarithms' means: the chance that noise alone moves it this far from 0.

    Args:
        terms: sign and values: two terms (+1 new, -1 old) make a ratio, four a ratio of ratios. Each term has two
            values or more.
        unit: the unit of the values.
    """
    logs = [(sign, [math.log(at_least(value, unit)) for value in values]) for sign, values in terms]
    parts = [max(variance(values), _least(values, unit) ** 2) / len(values) for _, values in logs]
    total = sum(parts)
    freedom = total**2 / sum(part**2 / (len(values) - 1) for part, (_, values) in zip(parts, logs, strict=True))
    return student(sum(sign * fmean(values) for sign, values in logs) / math.sqrt(total), freedom)


def _least(logs: Sequence[float], unit: str) -> float:
    return max(_SPREAD, _RESOLUTION[unit] / math.exp(fmean(logs)))


def student(t: float, freedom: float) -> float:
    """The two-sided p-value of `t` by Student's distribution; `freedom` is 1 or more."""
    from scipy.special import stdtr  # scipy.stats takes two seconds longer to import

    return float(2 * stdtr(freedom, -abs(t)))


def adjusted(chances: Sequence[float]) -> list[float]:
    """The p-values, adjusted for their number by the step-up procedure of Benjamini and Hochberg."""
    order = sorted(range(len(chances)), key=lambda place: chances[place], reverse=True)
    adjusted_chances, smallest = [1.0] * len(chances), 1.0
    for rank, place in zip(range(len(chances), 0, -1), order, strict=True):
        smallest = min(smallest, chances[place] * len(chances) / rank)
        adjusted_chances[place] = smallest
    return adjusted_chances


def is_large(ratio: float) -> bool:
    """Whether a change, up or down, is large enough to report."""
    return max(ratio, 1 / ratio) >= 1 + EFFECT
