"""What services run lies where no other user can put or read it."""

from __future__ import annotations

import json
import logging
import os
import stat
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import ServiceError
from counterpoint.services.service_environments import home_of, make_private, remembered

if TYPE_CHECKING:
    from pathlib import Path


def test_the_home_is_the_users_own(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        home = home_of(str(tmp_path / "root"), "airflow")
        (tmp_path / "root").mkdir(mode=0o755)
        (tmp_path / "root/services").mkdir(mode=0o755)
        make_private(home)
        home.chmod(0o777)
        make_private(home)
    finally:
        os.umask(old)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("which", ["root", "root/services"])
def test_a_root_that_everybody_may_change_is_refused(tmp_path: Path, which: str) -> None:
    home = home_of(str(tmp_path / "root"), "airflow")
    home.parent.mkdir(parents=True)
    (tmp_path / which).chmod(0o777)
    with pytest.raises(ServiceError, match="may be changed by every user") as caught:
        make_private(home)
    assert str(tmp_path / which) in str(caught.value)
    (tmp_path / which).chmod(0o1777)
    make_private(home)


def test_a_root_that_a_group_shares_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = home_of(str(tmp_path / "root"), "airflow")
    home.parent.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(tmp_path / "root", 0, 12345)
    (tmp_path / "root").chmod(0o2775)
    with caplog.at_level(logging.WARNING, "counterpoint"):
        make_private(home)
        make_private(home)
    said = [record.getMessage() for record in caplog.records]
    assert len([text for text in said if "12345" in text]) == (1 if os.geteuid() == 0 else 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(tmp_path: Path) -> None:
    home = home_of(str(tmp_path / "root"), "airflow")
    home.mkdir(parents=True)
    os.chown(home, 65534, 65534)
    with pytest.raises(ServiceError, match="belongs to another user"):
        make_private(home)


@pytest.mark.parametrize("where", ["root", "s3://bucket/lake"])
def test_services_are_found_again_whatever_root_they_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    root = where if "://" in where else str(tmp_path / where)
    assert remembered(root) == []
    assert not [*tmp_path.iterdir()]
    home = home_of(root, "dagster")
    home.mkdir(parents=True)
    (home / "site.json").write_text(
        json.dumps({"root": root, "pipelines": [where], "ports": {}, "database": None, "schedules": False})
    )
    assert remembered(root) == [where]
    assert remembered("s3://bucket/unknown") == []
