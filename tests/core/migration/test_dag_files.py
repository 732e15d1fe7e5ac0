"""Which files of a folder are DAG files: links, folders that cannot be read, `.airflowignore`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pathspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.inventory.airflowignore import IgnoreRules

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Unresolved

DAG = "from airflow import DAG\nfrom airflow.operators.empty import EmptyOperator\nwith DAG({name!r}, schedule=None):\n"
DAG += "    EmptyOperator(task_id='go')\n"


def put(folder: Path, **files: str) -> None:
    """Writes DAG files, by path (`__` for a slash), with the names of their DAGs."""
    for name, dag in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DAG.format(name=dag), encoding="utf-8")


def test_a_linked_folder_is_read_as_git_sync_lays_it_out(tmp_path: Path) -> None:
    put(tmp_path, dags__own="own", worktrees__abc__team__a="linked")
    (tmp_path / "dags" / "repo").symlink_to("../worktrees/abc")
    found = inventory(tmp_path / "dags")
    assert [(dag.id, dag.place) for dag in found.dags] == [("own", "own.py:3"), ("linked", "repo/team/a.py:3")]
    assert found.unresolved == []


def test_loops_and_links_to_what_is_read_are_told(tmp_path: Path) -> None:
    put(tmp_path, releases__two__a="a")
    (tmp_path / "current").symlink_to("releases/two")
    (tmp_path / "releases" / "two" / "up").symlink_to("..")
    (tmp_path / "gone").symlink_to("nowhere")
    found = inventory(tmp_path)
    assert [dag.place for dag in found.dags] == ["releases/two/a.py:3"]
    assert [(entry.place, entry.kind, entry.detail) for entry in found.unresolved] == [
        ("current:1", "link", "it is the same folder as releases/two, which is read once"),
        ("gone:1", "unreadable", "the link leads nowhere: nowhere"),
        ("releases/two/up:1", "link", "it leads back to releases, which is read once"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read all")
def test_a_folder_that_may_not_be_entered_is_told(tmp_path: Path) -> None:
    put(tmp_path, shut__a="a", b="b")
    (tmp_path / "shut").chmod(0)
    try:
        found = inventory(tmp_path)
    finally:
        (tmp_path / "shut").chmod(0o700)
    assert [dag.id for dag in found.dags] == ["b"]
    assert [(entry.place, entry.kind) for entry in found.unresolved] == [("shut:1", "unreadable")]


def test_what_both_syntaxes_ignore_holds_no_dags_but_may_be_imported(tmp_path: Path) -> None:
    put(tmp_path, lib__made="never", drafts__x="draft", good="good")
    (tmp_path / ".airflowignore").write_text("lib/\n# a comment\ndrafts\n*.tmp\n", encoding="utf-8")
    (tmp_path / "lib" / "made.py").write_text("NAME = 'by_import'\n" + DAG.format(name="never"), encoding="utf-8")
    text = "from lib.made import NAME\n" + DAG.replace("{name!r}", "NAME")
    (tmp_path / "good.py").write_text(text, encoding="utf-8")
    found = inventory(tmp_path)
    ignored = [entry["path"] for entry in found.to_dict()["files"] if entry.get("ignored")]
    assert ignored == ["drafts/x.py", "lib/made.py"]
    assert "by_import" in {dag.id for dag in found.dags}
    assert "draft" not in {dag.id for dag in found.dags}


def test_what_only_one_syntax_ignores_is_read_and_told(tmp_path: Path) -> None:
    put(tmp_path, team_a="a", team_b="b")
    (tmp_path / ".airflowignore").write_text("team_[ab]\\.py$\n", encoding="utf-8")
    found = inventory(tmp_path)
    assert {dag.id for dag in found.dags} == {"a", "b"}
    assert [(entry.place, entry.kind) for entry in found.unresolved] == [(".airflowignore:1", "airflowignore")] * 2
    assert "a regular expression (Airflow 2)" in found.unresolved[0].detail


PARTS = st.sampled_from(["a", "b", "*", "a*", "?", "**", "[ab]", "ab"])
PATTERNS = st.builds(
    lambda start, parts, end: start + "/".join(parts) + end,
    st.sampled_from(["", "/", "!"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
).filter(lambda pattern: not pattern.endswith("**/"))
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=3).map("/".join)


@given(patterns=st.lists(PATTERNS, min_size=1, max_size=3), path=PATHS)
@settings(max_examples=300, deadline=None)
def test_globs_ignore_what_gitignore_does_when_folders_are_left_out_whole(
    tmp_path_factory: pytest.TempPathFactory, patterns: list[str], path: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "globs"
    folder.mkdir(exist_ok=True)
    (folder / ".airflowignore").write_text("\n".join(patterns), encoding="utf-8")
    noted: list[Unresolved] = []
    rules = IgnoreRules().with_file(folder, "", noted.append)
    parts = path.split("/")
    entries = ["/".join(parts[:depth]) + "/" * (depth < len(parts)) for depth in range(1, len(parts) + 1)]
    spec = pathspec.PathSpec.from_lines("gitignore", patterns)
    assert (rules._by_glob(path) is not None) == any(map(spec.match_file, entries))
