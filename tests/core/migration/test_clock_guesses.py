"""Guesses by the clock: one low line for one pair, one group where several fit, nothing where something contradicts."""

from __future__ import annotations

from itertools import product
from time import monotonic
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import Dag, Inventory
from counterpoint_migrate.inventory.clock_deps import by_clock
from counterpoint_migrate.inventory.values import Ref
from counterpoint_migrate.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "from airflow import DAG\nfrom airflow.models import Variable\nfrom airflow.operators.bash import BashOperator\n"


def dag_text(name: str, hour: int, owner: str = "'data'") -> str:
    cron = f"'0 {hour} * * *'"
    return f"with DAG({name!r}, schedule={cron}, default_args={{'owner': {owner}}}):\n    BashOperator(task_id='t')\n"


def test_dags_of_two_hours_are_one_group_that_binds_nothing(read: Callable[..., Inventory]) -> None:
    files = {f"f{n}": HEAD + dag_text(f"early{n}", 1) + dag_text(f"later{n}", 3) for n in range(6)}
    found = read(**files)
    assert found.dependencies == []
    (group,) = found.clock_groups
    assert (len(group.upstreams), len(group.downstreams)) == (6, 6)
    assert group.detail == "6 DAGs start at 01:00, 6 DAGs start at 03:00 of the same days"
    planned = plan(found)
    assert (planned.bridges, planned.to_confirm, len(planned.clock_groups)) == ([], [], 1)
    assert {move.score.risk.value for move in planned.dags} == {0}
    assert {move.score.coupling.value for move in planned.dags} == {0}


def test_a_single_guess_is_a_question_and_builds_no_bridge(read: Callable[..., Inventory]) -> None:
    from counterpoint_migrate.plan import Settings

    found = read(a=HEAD + dag_text("early", 1) + dag_text("later", 3))
    assert [(one.upstream, one.kind, one.confidence) for one in found.dependencies] == [("early", "clock", "low")]
    planned = plan(found, Settings(max_dags=1))
    assert (planned.bridges, len(planned.to_confirm), len(planned.waves)) == ([], 1, 2)


def test_owners_that_are_not_known_are_none(read: Callable[..., Inventory]) -> None:
    unknown = "Variable.get('owner')"
    found = read(one__a=HEAD + dag_text("early", 1, unknown), two__b=HEAD + dag_text("later", 3, unknown))
    assert found.dependencies == []
    assert [dag.owners for dag in found.dags] == [[unknown], [unknown]]


STARTS = st.lists(
    st.tuples(st.sampled_from([0, 3, 60, 180, 500]), st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y"])),
    max_size=8,
)


def dag_at(number: int, minute: int, owner: str, folder: str) -> Dag:
    cron = f"{minute % 60} {minute // 60} * * *"
    schedule = {"kind": "cron", "value": cron, "expression": None, "assets": []}
    defaults = {"owner": owner or Ref("unknown")}
    place = f"{folder}/f{number}.py:1"
    return Dag(f"d{number}", literal=True, place=place, style="call", schedule=schedule, settings={}, defaults=defaults)


@given(starts=STARTS)
@settings(max_examples=200, deadline=None)
def test_lines_and_groups_cover_the_pairs_of_the_rule(starts: list[tuple[int, str, str]]) -> None:
    single, groups = by_clock([dag_at(n, *start) for n, start in enumerate(starts)], lambda *_: False)

    def may(one: int, other: int) -> bool:
        (first, owner, folder), (second, other_owner, other_folder) = starts[one], starts[other]
        if not 5 <= second - first <= 360:
            return False
        return owner == other_owner if owner and other_owner else folder == other_folder

    expected = set()
    for other in range(len(starts)):
        before = [one for one in range(len(starts)) if may(one, other)]
        nearest = max((starts[one][0] for one in before), default=0)
        expected |= {(f"d{one}", f"d{other}") for one in before if starts[one][0] == nearest}
    told = {(one.upstream, one.downstream) for one in single}
    grouped = {pair for group in groups for pair in product(group.upstreams, group.downstreams)}
    assert told <= expected <= told | grouped
    assert all(len(group.upstreams) * len(group.downstreams) > 1 for group in groups)
    assert {end for pair in grouped for end in pair} <= {end for pair in expected for end in pair}


def test_two_thousand_dags_of_two_hours_take_no_time() -> None:
    dags = [dag_at(n, 60 * (1 + n % 2 * 2), "a", f"x{n}") for n in range(2_000)]
    begin = monotonic()
    single, groups = by_clock(dags, lambda *_: False)
    assert (single, [len(group.upstreams) for group in groups]) == ([], [1_000])
    assert monotonic() - begin < 5
