"""The first difference is that of the kind which explains the others."""

from __future__ import annotations

import copy
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.reproduction.checkout import _folder_of
from counterpoint.reproduction.differences import changed_functions, differences
from counterpoint.reproduction.report import KINDS, Rebuilt, Reproduction

SOURCE = {"digest": "a", "file": "m.py", "functions": {"f": "1", "g": "2"}}
MADE = {"code": "c", "settings_hash": "h", "settings": {"rate": "r"}, "inputs": {"x": "d"}, "outside": "o"}
ENVIRONMENT = {"python": "3.11", "system": "Linux", "processor": "x86_64", "cores": 2, "devices": {}}
LINEAGE: dict[str, Any] = {
    "sources": {"m": SOURCE},
    "reach": {"s": {"modules": ["m"], "versions": {"polars": "1"}}},
    "made_from": {"s": MADE},
    "environment": ENVIRONMENT,
    "packages": {"polars": "1", "aaa": "1"},
}
ANSWER: dict[str, Any] = {
    "targets": ["s"],
    "outputs": [{"name": "s", "made_from": MADE, "device": None}],
    "changed": [],
    "outside": {"s": "o"},
    "settings_gone": [],
    "masked": [],
    "settings": {"rate": "r"},
    "sources": {"m": SOURCE},
    "reach": LINEAGE["reach"],
    "environment": ENVIRONMENT,
    "packages": LINEAGE["packages"],
}


def changed(kinds: set[str]) -> dict[str, Any]:
    """The answer of a process where things of some kinds are other than recorded."""
    answer = copy.deepcopy(ANSWER)
    made_from = answer["outputs"][0]["made_from"]
    if "code" in kinds:
        answer["sources"]["m"] = {**SOURCE, "digest": "b", "functions": {"f": "1", "g": "3"}}
    if "data" in kinds:
        made_from["inputs"]["x"] = "other"
    if "configuration" in kinds:
        made_from["settings_hash"], answer["settings"]["rate"] = "other", "other"
    if "package" in kinds:
        answer["packages"] = {"polars": "2", "aaa": "2"}
    if "machine" in kinds:
        answer["environment"]["processor"] = "arm64"
    return answer


@given(st.sets(st.sampled_from(KINDS)))
def test_each_kind_is_named_and_the_first_comes_first(kinds: set[str]) -> None:
    found = differences(LINEAGE, changed(kinds))
    assert {difference.kind for difference in found} == kinds
    assert [difference.kind for difference in found] == sorted((d.kind for d in found), key=KINDS.index)


def test_each_is_named_by_what_it_is() -> None:
    named = [(difference.kind, difference.what) for difference in differences(LINEAGE, changed(set(KINDS)))]
    assert named == [
        ("code", "m.g"),
        ("data", "input x of s"),
        ("configuration", "rate"),
        ("package", "polars"),
        ("package", "aaa"),
        ("machine", "processor"),
    ]


def test_a_secret_setting_is_named_without_its_value() -> None:
    answer = changed({"configuration"})
    answer["settings"], answer["masked"] = {"rate": "r"}, ["password"]
    (difference,) = differences(LINEAGE, answer)
    assert (difference.kind, difference.what) == ("configuration", "a setting of s that is a secret (password)")


@pytest.mark.parametrize(
    ("left", "right", "whats"),
    [
        (SOURCE, SOURCE, []),
        (SOURCE, {**SOURCE, "digest": "b"}, ["m (comments, texts or layout)"]),
        (SOURCE, None, ["m"]),
        (None, SOURCE, ["m"]),
        (SOURCE, {**SOURCE, "digest": "b", "functions": {"f": "9"}}, ["m.f", "m.g"]),
    ],
)
def test_two_states_of_a_module_differ_by_functions(left: Any, right: Any, whats: list[str]) -> None:
    assert [difference.what for difference in changed_functions("m", left, right)] == whats


@pytest.mark.parametrize(
    ("module", "file", "folder"),
    [
        ("m", "m.py", "."),
        ("p.m", "src/p/m.py", "src"),
        ("p", "src/p/__init__.py", "src"),
        ("p.q", "p/q/__init__.py", "."),
    ],
)
def test_the_folder_of_an_import_is_found(module: str, file: str, folder: str) -> None:
    assert str(_folder_of(module, PurePosixPath(file))) == folder


DIGEST = "sha256:0"


@pytest.mark.parametrize(
    ("now", "error", "missing", "kinds", "code"),
    [
        (DIGEST, None, (), set(), 0),
        (DIGEST, None, (), {"machine"}, 0),
        ("other", None, (), set(), 4),
        ("other", None, (), {"data"}, 4),
        (None, "it failed", (), set(), 1),
        (None, "it failed", (), {"code"}, 4),
        (DIGEST, None, ("an input",), set(), 2),
    ],
)
def test_the_exit_code(
    now: str | None, error: str | None, missing: tuple[str, ...], kinds: set[str], code: int
) -> None:
    made = [Rebuilt("s", DIGEST, now, error)]
    found = Reproduction("r", "r", "p", "d", "c", made, differences(LINEAGE, changed(kinds)), missing)
    assert (found.exit_code, found.same) == (code, code == 0)
    assert (found.first is None) == (found.same or not kinds)
