"""Whatever form an import has: exactly the steps that reach a file become stale when it is edited."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import NAMES, NOWHERE_BUT_AT_THE_TOP, PLACES, STEPS, Edge, Project, forms, loaded

from counterpoint.model import code_digest


@st.composite
def drawn(draw: st.DrawFn) -> Project:
    edges = []
    for number, source in enumerate(NAMES[:-1]):
        targets = st.lists(st.sampled_from(NAMES[number + 1 :]), unique=True, max_size=3)
        for target in draw(targets):
            form = draw(st.sampled_from(forms(source, target)))
            at_top = any(word in form for word in NOWHERE_BUT_AT_THE_TOP)
            edges.append(Edge(source, target, form, lazy=not at_top and draw(st.booleans())))
    return Project(tuple(edges))


def digests() -> dict[str, str]:
    return {step: code_digest(f"{step}:go") for step in STEPS}


@settings(max_examples=12)
@given(project=drawn())
def test_exactly_the_steps_that_reach_a_file_become_stale(project: Project) -> None:
    with tempfile.TemporaryDirectory() as place:
        check(project, Path(place))


def check(project: Project, folder: Path) -> None:
    at_most = loaded(project.checked_as_types_are().write(folder))
    paths = project.write(folder)
    at_least = loaded(paths)
    before = list(sys.path)
    sys.path[:0] = paths
    try:
        for name in NAMES:
            first, file = digests(), folder / PLACES[name]
            # of the same length, and within the same tick
            file.write_text(project.source(name).replace("VALUE = 1", "VALUE = 2"), encoding="utf-8")
            stale = {step for step, digest in digests().items() if digest != first[step]}
            reach = [{step for step, names in found.items() if name in names} for found in (at_least, at_most)]
            assert reach[0] <= stale <= reach[1], (name, project.edges)
            file.write_text(project.source(name), encoding="utf-8")
            assert digests() == first
    finally:
        sys.path[:] = before


@pytest.mark.parametrize("pair", [("alpha.deep.two", "alpha.six"), ("solo", "space.inner.four")])
def test_each_form_alone(pair: tuple[str, str], tmp_path: Path) -> None:
    for number, form in enumerate(forms(*pair)):
        check(Project((Edge(*pair, form),)), tmp_path / str(number))
