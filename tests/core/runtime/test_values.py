"""What a step returns that its output does not hold is named: the step, the kind, the place in it, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import StepError
from counterpoint.model import RunRequest
from counterpoint.runtime import context_of, describe, execute

if TYPE_CHECKING:
    from pathlib import Path

SAID = {
    "estimator": ("returned an object", "kind model", "counterpoint.storage.Model("),
    "object_weights": ("weights['w']", "numpy arrays of numbers"),
    "nan_parameter": ("returned nan at parameters['rate']", "write None"),
    "frame": ("returned a pandas.DataFrame with an index (Index)", "reset_index(drop=True)", "frame.index.name"),
    "series": ("returned a polars.Series, not a frame", "kind table", "to_frame()"),
    "rows": ("returned a list", "polars.DataFrame(rows)"),
    "moment": ("a datetime.datetime at the value['when']", "kind value", ".isoformat()"),
    "deep": ("a set at the value['a'][1]['b']", "sorted("),
    "money": ("a decimal.Decimal at the value[0]", "str(…) or float(…)"),
    "keyed": ("a tuple as a key of the value", "as text"),
    "number": ("a numpy.int64 at the value['n']", "kind metrics", ".item()"),
    "single": ("a numpy.float32 at the value['n']", ".item()"),
    "array": ("a numpy.ndarray at the value['curve']", ".tolist()"),
    "nan": ("returned nan at the value['auc']", "write None, or leave it out"),
    "no_dict": ("returned a float", "return a dict of names to numbers"),
    "score": ("a misfits.Score at the value", "dataclasses.asdict"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_value_that_does_not_fit_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(StepError) as failure:
        execute(RunRequest(f"misfits:{name}", "2026-01-03", "r", str(tmp_path)), "made")
    assert str(failure.value).startswith("step made ")
    for words in SAID[name]:
        assert words in str(failure.value)


def test_a_value_that_fits_is_kept(tmp_path: Path) -> None:
    request = RunRequest("misfits:fine", "2026-01-03", "r", str(tmp_path))
    made = execute(request, "made")
    assert context_of(request, "made").store.read(made) == {"auc": 0.5, "n": 3, "none": None, "parts": [1, "a"]}


def test_a_variable_that_is_not_set_is_a_matter_of_configuration(tmp_path: Path) -> None:
    request = RunRequest("misfits:env", "2026-01-03", "r", str(tmp_path))
    with pytest.raises(KeyError) as failure:
        execute(request, "token")
    told = describe(failure.value)
    assert (told.failure, told.retryable) == ("bad_configuration", False)
    assert "set COUNTERPOINT_TEST_TOKEN in the environment of the step's worker" in told.message
    assert str(told.where).endswith("in reads_token")
    with pytest.raises(KeyError) as failure:
        execute(request, "key")
    assert describe(failure.value).failure == "code_bug"
