"""Files of a build on disk: an earlier build's are replaced, what somebody changed or wrote is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.build import Change, changes, write
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.dictionaries(st.sampled_from(["a.py", "dags/b.py", "c.yaml"]), st.sampled_from(["x = 1\n", "x = 2\n", ""]))


def standing(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".counterpoint-build.json")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@given(before=TEXTS, after=TEXTS)
def test_a_folder_holds_what_was_built_last(
    before: dict[str, str], after: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("built") / "out"
    write(folder, before)
    announced = changes(folder, after)
    assert write(folder, after) == announced
    assert standing(folder) == after
    assert changes(folder, after) == []
    assert {item.path for item in announced} == {
        name for name in {*before, *after} if before.get(name) != after.get(name)
    }


def test_a_file_that_was_changed_by_hand_is_kept(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    (tmp_path / "a.py").write_text("x = 1  # mine\n")
    with pytest.raises(UsageError, match=r"a\.py: changed by hand.*--force"):
        write(tmp_path, {"a.py": "x = 2\n", "b.py": "y = 2\n"})
    assert standing(tmp_path) == {"a.py": "x = 1  # mine\n", "b.py": "y = 1\n"}
    assert [item.change for item in write(tmp_path, {"a.py": "x = 2\n"}, force=True)] == [
        Change.CHANGED,
        Change.REMOVED,
    ]
    assert standing(tmp_path) == {"a.py": "x = 2\n"}


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours\n")
    with pytest.raises(UsageError, match=r"README\.md"):
        write(tmp_path, {"README.md": "theirs\n"})
    assert standing(tmp_path) == {"README.md": "ours\n"}


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".counterpoint-build.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        write(tmp_path, {"a.py": ""})
