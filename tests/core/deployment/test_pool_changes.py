"""A plan that is applied leaves nothing to do, and never touches what others made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.deployment import Change, ServerPool, pool_changes, summary
from counterpoint.errors import UsageError
from counterpoint.model import Pool

SLOTS = st.integers(1, 4)
NAMES = st.sampled_from("abcd")
DECLARED = st.dictionaries(NAMES, SLOTS).map(lambda pools: [Pool(name, slots) for name, slots in pools.items()])
EXISTING = st.dictionaries(NAMES, st.builds(ServerPool, st.none() | SLOTS, st.booleans()))


class Server:
    """A server that remembers its pools."""

    def __init__(self, pools: dict[str, ServerPool]) -> None:
        self.pools = dict(pools)

    def set_slots(self, pool: Pool, current: ServerPool | None) -> None:
        assert current == self.pools.get(pool.name)
        self.pools[pool.name] = ServerPool(pool.slots, ours=True)

    def changes(self, declared: list[Pool]) -> list[Change]:
        return pool_changes(declared, self.pools, self.set_slots, place="http://server")


@given(DECLARED, EXISTING)
def test_a_plan_that_is_applied_leaves_nothing_to_do(declared: list[Pool], existing: dict[str, ServerPool]) -> None:
    server = Server(existing)
    foreign = {name: pool for name, pool in existing.items() if not pool.ours}
    wrong = [pool.name for pool in declared if pool.name in foreign and foreign[pool.name].slots != pool.slots]
    if wrong:
        with pytest.raises(UsageError, match=rf"pool {wrong[0]} on http://server was not made by Counterpoint"):
            server.changes(declared)
        assert server.pools == existing
        return
    changes = server.changes(declared)
    assert server.pools == existing
    for change in changes:
        change.apply()
    assert server.changes(declared) == []
    assert {pool.name: server.pools[pool.name].slots for pool in declared} == {p.name: p.slots for p in declared}
    untouched = foreign.keys() | (existing.keys() - {pool.name for pool in declared})
    assert {name: server.pools[name] for name in untouched} == {name: existing[name] for name in untouched}


def test_a_plan_in_one_line() -> None:
    server = Server({"b": ServerPool(1, ours=True)})
    assert summary(server.changes([Pool("a", 1), Pool("b", 2), Pool("c", 3)])) == "create 2 pools, change 1 pool"
    assert summary([]) == "nothing to do"
