"""What a step says of its resources, image, variables, owner and tags: checked, shown, and kept whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError
from counterpoint.model import Pipeline, Resources, largest, step
from counterpoint.model.containers import container_of, with_container
from counterpoint.model.render import as_text
from counterpoint.model.serial import pipeline_from, to_values

CONSTANT = "counterpoint.testing.steps:constant"


def pipeline(labels: dict[str, Any] | None = None, /, **policies: Any) -> Pipeline:
    return Pipeline("alone", (step(CONSTANT, name="first", **policies),), config={"offset": 1}, **(labels or {}))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4Gi", 4 * 1024**3),
        ("512Mi", 512 * 1024**2),
        ("1.5Gi", 3 * 1024**3 // 2),
        ("2G", 2 * 10**9),
        ("65536Ki", 2**26),
        ("100000k", 10**8),
        ("1e9", 10**9),
        ("1E", 10**18),
        (10**9, 10**9),
    ],
)
def test_memory_is_read_as_kubernetes_reads_it(text: Any, size: int) -> None:
    assert Resources(memory=text).memory_bytes == size


@pytest.mark.parametrize(
    ("cpu", "quantity", "threads"),
    [
        (2, "2", 2),
        (0.5, "0.5", 1),
        ("500m", "0.5", 1),
        ("1500m", "1.5", 2),
        (1.0, "1", 1),
        (1000.125, "1000.125", 1001),
    ],
)
def test_cpus_are_kept_in_thousandths_and_rounded_up_to_threads(cpu: Any, quantity: str, threads: int) -> None:
    assert (Resources(cpu=cpu).cpu_quantity, Resources(cpu=cpu).threads) == (quantity, threads)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({}, "says nothing"),
        ({"cpu": -1}, "cpu=-1 is no number of CPUs: write cpu=2"),
        ({"cpu": True}, "cpu=True is no number"),
        ({"cpu": "2Gi"}, "is no number of CPUs"),
        ({"cpu": float("nan")}, "is no number of CPUs"),
        ({"cpu": 0}, "no CPU at all"),
        ({"cpu": 0.0001}, "no CPU at all"),
        ({"memory": "4GB"}, "memory='4GB' is no quantity of Kubernetes: write '512Mi'"),
        ({"memory": "400m"}, "thousandths of a byte: write '400Mi'"),
        ({"memory": "4ki"}, "no quantity"),
        ({"memory": 4}, "less than a Python process takes"),
        ({"memory": ""}, "no quantity"),
        ({"gpu": 0.5}, "gpu=0.5 is no number of GPUs"),
        ({"gpu": -1}, "gpu=-1 is no number"),
    ],
)
def test_what_is_no_quantity_is_refused_with_one_that_is(said: dict[str, Any], refused: str) -> None:
    with pytest.raises(DefinitionError, match=refused):
        Resources(**said)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"resources": {"cpu": 2}}, "step first: resources={'cpu': 2}: write Resources"),
        ({"image": "two words"}, "step first: image='two words' is no name of an image"),
        ({"owner": "Ann"}, "step first: owner='Ann' is neither an e-mail address nor a team: write 'team:data'"),
        ({"owner": "team:"}, "neither"),
        ({"tags": {"tier": "a b"}}, "step first: tag 'tier': 'a b': write key and value in up to 63"),
        ({"tags": {"pool": "x"}}, "the tag 'pool' has a meaning of its own"),
        ({"tags": ["gold"]}, "is no mapping"),
        ({"tags": {"a" * 60: "b" * 60}}, "less than 100 characters"),
        ({"env": {"A B": "x"}}, "step first: env: 'A B' cannot be set"),
        ({"env": {"COUNTERPOINT_ROOT": "x"}}, "cannot be set"),
        ({"env": {"COUNT": 3}}, "the value of COUNT is no text"),
        ({"env": {"API_KEY": "x"}}, "API_KEY names a secret"),
    ],
)
def test_what_an_orchestrator_would_not_take_is_refused_with_step_and_fix(said: dict[str, Any], refused: str) -> None:
    with pytest.raises(DefinitionError, match=refused):
        pipeline(**said)
    with pytest.raises(DefinitionError, match="pipeline alone: owner"):
        pipeline({"owner": "nobody"})


def test_a_pipeline_gives_its_owner_and_tags_to_steps_that_say_none() -> None:
    labels = {"owner": "team:data", "tags": {"tier": "gold", "area": "ops"}}
    inherited = pipeline(labels).step("first")
    assert (inherited.owner, inherited.tags) == ("team:data", {"tier": "gold", "area": "ops"})
    own = pipeline(labels, owner="a@b.org", tags={"tier": "low"}).step("first")
    assert (own.owner, own.tags) == ("a@b.org", {"tier": "low", "area": "ops"})


def test_show_tells_them() -> None:
    said = as_text(
        pipeline(
            resources=Resources(2, "4Gi", 1), image="r.io/x:1", env={"A": "b"}, owner="team:data", tags={"tier": "gold"}
        )
    )
    assert "2 CPUs, 4Gi memory, 1 GPU; image r.io/x:1; env A=b; owner team:data; tags tier=gold" in said


def test_the_json_value_of_a_pipeline_that_says_nothing_is_what_it_was() -> None:
    values = to_values(pipeline())
    assert not {"owner", "tags"} & set(values)
    assert not {"resources", "image", "env", "owner", "tags"} & set(values["steps"][0])


CPUS = st.none() | st.integers(1, 64_000).map(lambda thousandths: thousandths / 1000)
SIZES = (
    st.none() | st.integers(64, 4096).map(lambda size: f"{size}Mi") | st.integers(1, 99).map(lambda size: f"{size}G")
)
WORDS = st.text("abcXYZ019_.-", min_size=1, max_size=20)
NAMES = st.from_regex(r"X[0-9_]{0,9}", fullmatch=True)


@st.composite
def resources(draw: st.DrawFn) -> Resources | None:
    cpu, memory, gpu = draw(CPUS), draw(SIZES), draw(st.integers(0, 8))
    return Resources(cpu, memory, gpu) if cpu or memory or gpu else None


@given(
    resources(),
    st.none() | st.just("registry.example.org:5000/team/image@sha256:0abc"),
    st.dictionaries(NAMES, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=3),
    st.dictionaries(WORDS.map(lambda word: f"k{word}"), WORDS, max_size=3),
)
def test_nothing_is_lost_as_json_or_as_a_container(
    needs: Resources | None, image: str | None, env: dict[str, str], tags: dict[str, str]
) -> None:
    labels = {"owner": "team:data", "tags": tags}
    made = pipeline(labels, resources=needs, image=image, env=env)
    assert pipeline_from(json.loads(json.dumps(to_values(made)))) == made
    first, bare = made.step("first"), pipeline(labels).step("first")
    assert with_container(bare, json.loads(json.dumps(container_of(first)))) == first
    assert container_of(bare) == {}


@given(st.lists(resources(), max_size=5))
def test_the_largest_is_enough_for_each(needs: list[Resources | None]) -> None:
    most, known = largest(needs), [each for each in needs if each]
    assert (most is None) == (not known)
    for each in known:
        assert most is not None
        assert most.cpus >= each.cpus
        assert (most.memory_bytes or 0) >= (each.memory_bytes or 0)
        assert most.gpu >= each.gpu
