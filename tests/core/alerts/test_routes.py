"""The file of routes: what it may say, and the one clear error for each thing that it may not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from counterpoint.alerts.delivery import check
from counterpoint.alerts.routes import Routes, load_routes
from counterpoint.errors import UsageError
from counterpoint.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_without_a_file_alerts_are_logged_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERPOINT_ALERTS", raising=False)
    assert load_routes() == Routes()
    assert load_routes().throttle == timedelta(hours=2)


def test_a_table_of_a_file_is_named_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counterpoint.toml"
    path.write_text('[env.prod.alerts.routes]\nP0 = ["json://host"]\n', encoding="utf-8")
    monkeypatch.setenv("COUNTERPOINT_ALERTS", f"{path}#env.prod.alerts")
    assert load_routes().urls == {"P0[0]": "json://host"}
    monkeypatch.setenv("COUNTERPOINT_ALERTS", f"{path}#env.dev.alerts")
    with pytest.raises(UsageError, match=r"there is no table \[env.dev.alerts\]"):
        load_routes()


def test_a_file_is_read_with_names_from_the_environment(
    routed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "a/b/c")
    routed(
        '[routes]\nP0 = ["json://x/${HOOK}", "json://y"]\nP1 = ["json://y"]\n'
        '[throttle]\nhours = 1.5\n[escalation]\nminutes = 5\nto = ["json://z"]'
    )
    routes = load_routes()
    assert routes.urls["P0[0]"] == "json://x/a/b/c"
    assert (routes.of(Severity.P0), routes.of(Severity.P1), routes.of(Severity.P2)) == (
        ("P0[0]", "P0[1]"),
        ("P1[0]",),
        (),
    )
    assert (routes.escalation, routes.throttle, routes.patience) == (
        ("to[0]",),
        timedelta(hours=1.5),
        timedelta(minutes=5),
    )
    check(routes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[routes", "Expected ']'"),
        ("[rotues]", r"\[rotues\] is not known; there are routes, throttle, escalation"),
        ("routes = 1", r"\[routes\] is not known"),
        ("[routes]\nP4 = []", r"\[routes\] has 'P4', but knows only P0, P1, P2, P3"),
        ('[routes]\nP0 = "json://x"', "P0 is no list of URLs"),
        ('[routes]\nP0 = ["x"]', "P0 is no list of URLs"),
        ('[routes]\nP0 = ["json://${NOT_SET_HERE}"]', r"P0\[0\] takes \$\{NOT_SET_HERE\} from the environment"),
        ('[throttle]\nhours = "two"', "throttle.hours is no number"),
        ("[throttle]\nhours = -1", "throttle.hours is no number"),
        ("[throttle]\nhours = nan", "throttle.hours is no number"),
        ("[throttle]\nhours = inf", "throttle.hours is no number"),
        ("[escalation]\nminutes = true", "escalation.minutes is no number"),
        ("[escalation]\nto = [1]", "to is no list of URLs"),
    ],
)
def test_a_wrong_file_is_one_clear_error(routed: Callable[[str], None], text: str, said: str) -> None:
    routed(text)
    with pytest.raises(UsageError, match=said) as error:
        load_routes()
    assert "COUNTERPOINT_ALERTS=" in str(error.value)


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_ALERTS", "nowhere.toml")
    with pytest.raises(UsageError, match="nowhere.toml: .*No such file"):
        load_routes()


def test_a_url_of_no_service_is_named_by_its_route_alone(routed: Callable[[str], None]) -> None:
    routed('[routes]\nP1 = ["json://fine", "carrier-pigeon://secret-loft"]')
    with pytest.raises(UsageError, match=r"P1\[1\] \(carrier-pigeon://\.\.\.\)") as error:
        check(load_routes())
    assert "loft" not in str(error.value)
