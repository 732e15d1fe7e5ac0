"""What a run remembers of the checkout that its code came from, and the reason where there is none."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.lineage.git import git_state

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = {"commit": None, "branch": None, "dirty": None, "diff_digest": None}


def git(place: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false")
    command = ["git", "-C", str(place), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean checkout with the code of a pipeline in a folder of it."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "trunk")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "steps.py").write_text("a = 1\n")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_a_clean_checkout_is_its_commit_and_branch(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_state(checkout / "code" / "steps.py") == {
        "commit": commit,
        "branch": "trunk",
        "dirty": False,
        "diff_digest": None,
        "reason": None,
    }


def test_a_detached_head_has_no_branch(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "--detach")
    state = git_state(checkout)
    assert (state["branch"], state["commit"]) == (None, git(checkout, "rev-parse", "HEAD"))


@pytest.mark.parametrize("change", ["edited", "staged", "untracked", "removed"])
def test_a_changed_tree_is_dirty_and_its_change_is_digested(checkout: Path, change: str) -> None:
    name = checkout / ("new.py" if change == "untracked" else "code/steps.py")
    name.unlink() if change == "removed" else name.write_text("a = 2\n")
    if change == "staged":
        git(checkout, "add", ".")
    state = git_state(checkout)
    assert (state["dirty"], state["commit"]) == (True, git(checkout, "rev-parse", "HEAD"))
    assert state["diff_digest"].startswith("sha256:")


@pytest.mark.parametrize("name", ["code/steps.py", "new.py"])
def test_the_digest_of_a_change_tells_changes_apart(checkout: Path, name: str) -> None:
    def digest(text: str) -> Any:
        (checkout / name).write_text(text)
        return git_state(checkout)["diff_digest"]

    assert digest("a = 2\n") != digest("a = 3\n")
    assert digest("a = 2\n") == digest("a = 2\n")


@pytest.mark.parametrize("name", ["code/steps.py", "new.py"])
def test_a_change_that_is_no_utf_8_is_digested_too(checkout: Path, name: str) -> None:
    (checkout / name).write_bytes("a = 'é'\n".encode("latin-1"))
    assert git_state(checkout)["diff_digest"].startswith("sha256:")


def test_a_checkout_without_a_commit_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert git_state(tmp_path) == {**NOTHING, "reason": "the checkout has no commit yet"}


@pytest.mark.parametrize("name", ["", "absent/steps.py"])
def test_outside_a_checkout_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # in case the folder for temporary files lies in a checkout
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path / name) == {**NOTHING, "reason": f"{tmp_path / name} lies in no git checkout"}


def test_an_environment_installed_inside_a_checkout_is_not_of_it(checkout: Path) -> None:
    (checkout / "ignored").mkdir()
    installed = checkout / "ignored" / "steps.py"
    installed.write_text("")
    assert git_state(installed) == {**NOTHING, "reason": f"{installed} is ignored by the checkout around it"}


def test_a_checkout_of_somebody_else_gives_gits_reason(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that mounts the checkout of its host's user."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    state = git_state(checkout)
    assert {name: state[name] for name in NOTHING} == NOTHING
    assert state["reason"].startswith("git refuses: ")
    assert "dubious ownership" in state["reason"]


def test_where_git_is_missing_the_reason_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "git", None)
    state = git_state(checkout)
    assert (state["commit"], state["reason"].partition(":")[0]) == (None, "git is not installed")


def test_a_secret_in_the_address_of_a_remote_or_in_the_change_is_not_told(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://user:pl4nted-s3cret@example.org/x.git")
    (checkout / "code" / "steps.py").write_text("token = 'pl4nted-s3cret'\n")
    told = json.dumps(git_state(checkout))
    assert '"dirty": true' in told
    assert "pl4nted-s3cret" not in told
    assert "example.org" not in told
