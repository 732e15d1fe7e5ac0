"""Models by their weights, JSON values by their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from counterpoint.cli.diff import _tell_values
from counterpoint.diff import Tolerance, diff_models, diff_values
from counterpoint.storage import Model
from counterpoint_migrate.validate.matching import Match, Status
from counterpoint_migrate.validate.verdict import summary_of

NAN = float("nan")


def model(**weights: Any) -> Model:
    return Model(
        {name: np.asarray(values, np.float32) for name, values in weights.items()}, {"depth": 2}, {"loss": 0.5}
    )


def test_equal_models() -> None:
    found = diff_models(model(a=[1.0, NAN, -0.0]), model(a=[1.0, NAN, 0.0]))
    assert found.equal
    assert [(t.name, t.changed, t.max_abs_diff) for t in found.tensors] == [("a", 0, None)]


def test_changed_weights_are_counted_by_tensor() -> None:
    left, right = model(a=[[1.0, 2.0], [3.0, NAN]], b=[1.0]), model(a=[[1.0, 2.5], [1.0, 4.0]], b=[1.0])
    found = diff_models(left, right)
    assert [(t.name, t.changed, t.max_abs_diff, t.equal) for t in found.tensors] == [
        ("a", 3, 2.0, False),
        ("b", 0, None, True),
    ]
    assert [t.changed for t in diff_models(left, right, Tolerance(0.5)).tensors] == [2, 0]
    assert [t.changed for t in diff_models(left, right, Tolerance(0.0, {"a": 2.0})).tensors] == [1, 0]


def test_tensors_of_one_side_of_another_shape_or_type() -> None:
    right = model(b=[1.0, 2.0], c=[1.0])
    right = Model({**right.weights, "d": np.asarray([1.0])}, right.parameters, right.metrics)
    found = diff_models(model(a=[1.0], b=[[1.0, 2.0]], c=[1.0], d=[1.0]), right)
    assert not found.equal
    assert [(t.name, t.left, t.right, t.changed, t.equal) for t in found.tensors] == [
        ("a", "float32[1]", None, None, False),
        ("b", "float32[1, 2]", "float32[2]", None, False),
        ("c", "float32[1]", "float32[1]", 0, True),
        ("d", "float32[1]", "float64[1]", 0, False),
    ]


def test_whole_numbers_in_tensors() -> None:
    sides = [Model({"n": np.asarray([value, 1])}, {}) for value in (2**62, 2**62 + 1)]
    assert [(t.changed, t.max_abs_diff) for t in diff_models(*sides).tensors] == [(1, 1.0)]


def test_parameters_and_metrics_of_models() -> None:
    other = Model(model(a=[1.0]).weights, {"depth": 3}, {"loss": 0.75, "auc": 0.5})
    found = diff_models(model(a=[1.0]), other, Tolerance(0.25))
    assert [(c.path, c.absent) for c in found.values] == [("parameters.depth", None), ("metrics.auc", "left")]


@pytest.mark.parametrize(
    ("left", "right", "changes"),
    [
        (1, 1.0, []),
        (NAN, NAN, []),
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, []),
        (1, True, [("", 1, True, None, None)]),
        (None, 0, [("", None, 0, None, None)]),
        ("a", "b", [("", "a", "b", None, None)]),
        ({"a": {"b": [1, 2.5]}}, {"a": {"b": [1, 2.0]}}, [("a.b[1]", 2.5, 2.0, 0.5, None)]),
        ({"a": None}, {}, [("a", None, None, None, "right")]),
        ([1], [1, 2], [("[1]", None, 2, None, "left")]),
        ({"a": [1]}, {"a": {"b": 1}}, [("a", [1], {"b": 1}, None, None)]),
        (1.0, float("inf"), [("", 1.0, float("inf"), None, None)]),
    ],
)
def test_json_values(left: Any, right: Any, changes: list[Any]) -> None:
    found = diff_values(left, right)
    assert found.equal == (not changes)
    assert [(c.path, c.left, c.right, c.abs_diff, c.absent) for c in found.values] == changes


def test_a_tolerance_is_of_all_or_of_those_called_so() -> None:
    left, right = {"a": {"loss": 1.0, "auc": 1.0}}, {"a": {"loss": 1.25, "auc": 1.25}}
    assert diff_values(left, right, Tolerance(0.25)).equal
    assert [c.path for c in diff_values(left, right, Tolerance(0.0, {"loss": 0.25})).values] == ["a.auc"]
    assert [c.path for c in diff_values(left, right, Tolerance(0.0, {"a.auc": 0.25})).values] == ["a.loss"]


def test_values_that_may_not_be_shown_are_told_by_their_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = diff_values({"mail": "ann@a.org", "n": 1}, {"mail": "bob@b.org", "n": 3, "new": "eve@c.org"})
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", "off")
    told, hidden = found.to_dict()["values"], "(value not shown)"
    assert [(one["path"], one["left"], one["right"]) for one in told] == [
        ("mail", hidden, hidden),
        ("n", hidden, hidden),
        ("new", None, hidden),
    ]
    _tell_values(found)
    summary = summary_of(Match("sums", "2026-01-07", None, None, Status.DIFFERS, report=found))
    printed = "".join([*capsys.readouterr(), summary])
    assert hidden in summary
    assert not [name for name in ("ann@", "bob@", "eve@") if name in printed]
    monkeypatch.delenv("COUNTERPOINT_ROW_VALUES")
    assert found.to_dict()["values"][0]["left"] == "ann@a.org"
