"""Each service environment has a login of its own, which its owner alone can read."""

from __future__ import annotations

import base64
import os
import stat
from typing import TYPE_CHECKING, Any

from counterpoint.redaction import redacted
from counterpoint.service_environment import USER
from counterpoint.services import new_target
from counterpoint.services.service_environments import home_of, password_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Bare:
    """As much of an adapter as a service environment is made of."""

    name, ports = "dagster", ("web",)


def test_the_password_is_the_sites_own_and_stays(tmp_path: Path) -> None:
    adapter: Any = Bare()
    known = password_of(home_of(str(tmp_path), "dagster"))
    first, again = (new_target(adapter, str(tmp_path), ()) for _ in range(2))
    other = new_target(adapter, str(tmp_path / "other"), ())
    assert first.password == again.password == known != other.password
    assert first.secret not in first.password
    assert len(first.password) == 64
    assert first.password not in repr(first)
    assert first.secret not in repr(first)


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    adapter: Any = Bare()
    root = tmp_path / "root"
    root.mkdir()
    (root / "services").mkdir()
    old = os.umask(0)
    try:
        # one that lies there already may be read by nobody else either
        new_target(adapter, str(root), ()).password_file.chmod(0o666)
        target = new_target(adapter, str(root), ())
    finally:
        os.umask(old)
    assert stat.S_IMODE(target.password_file.stat().st_mode) == 0o600
    assert target.password_file.read_text(encoding="utf-8").strip() == target.password
    assert str(target.password_file) in target.login
    assert target.password not in target.login


def test_it_is_masked_wherever_it_stands(tmp_path: Path) -> None:
    adapter: Any = Bare()
    target = new_target(adapter, str(tmp_path), ())
    both = base64.b64encode(f"{USER}:{target.password}".encode()).decode()
    said = redacted(f"a {target.password} b {target.secret} c {both} d")
    assert not [one for one in (target.password, target.secret, both) if one in said]


def test_the_password_in_prefects_variable_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "ann:quite-long-6543")
    assert "6543" not in redacted("we came with quite-long-6543, and were refused")
