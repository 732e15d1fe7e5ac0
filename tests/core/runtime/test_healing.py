"""An alert is closed by the success of the step and partition that it told of, and opened by the next failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.alerts.incidents import all_cases
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from conftest import Toys


def open_alerts(toys: Toys) -> list[tuple[str | None, list[str]]]:
    cases = [case for case in all_cases(Objects(str(toys.root))) if case.is_open]
    return [(c.alert.step, [str(o["partition"]) for o in c.occurrences if "healed" not in o]) for c in cases]


def run(toys: Toys, key: str, name: str, *, well: bool, version: str = "production") -> None:
    flag = toys.root.parent / "well"
    flag.touch() if well else flag.unlink(missing_ok=True)
    config = {"flag": str(flag)}
    toys.run(toys.request("healing", key, run_id=f"{name}-{key}", version=version, config=config))


def test_what_ends_well_closes_its_alert(toys: Toys) -> None:
    run(toys, "2026-01-03", "a", well=False)
    run(toys, "2026-01-04", "b", well=False)
    assert open_alerts(toys) == [("needs_flag", ["2026-01-03", "2026-01-04"])]
    run(toys, "2026-01-03", "v", well=True, version="b1")  # another version of that day heals nothing
    run(toys, "2026-01-03", "c", well=True)
    assert open_alerts(toys) == [("needs_flag", ["2026-01-04"])]
    run(toys, "2026-01-04", "d", well=True)
    assert open_alerts(toys) == []
    (case,) = all_cases(Objects(str(toys.root)))
    assert case.healed
    assert not case.outbox
    run(toys, "2026-01-05", "e", well=False)
    assert open_alerts(toys)[0][1][-1] == "2026-01-05"


def test_an_element_does_not_close_the_alert_of_another(toys: Toys) -> None:
    flags = [toys.root.parent / name for name in ("one", "two")]
    config = {"flags": [str(flag) for flag in flags]}
    for number, made in enumerate(([], flags[:1], flags)):
        for flag in made:
            flag.touch()
        toys.run(toys.request("healing_parts", "2026-01-03", run_id=f"run{number}", config=config))
        assert len(open_alerts(toys)) == (0 if made == flags else 1)
