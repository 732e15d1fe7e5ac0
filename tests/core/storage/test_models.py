"""Models are plain bytes: weights as safetensors, the rest as JSON, the same bytes whenever they are written."""

from __future__ import annotations

import json
import pickletools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from shelves import DAY, METRICS, MODEL, SETTINGS, model, numbers, save

from counterpoint.errors import StorageError
from counterpoint.storage import Model, model_digest
from counterpoint.storage.models import decode, encode

if TYPE_CHECKING:
    from conftest import Scripts

    from counterpoint.storage import Store

KINDS = ("float16", "float32", "float64", "int8", "int64", "uint8", "bool")
FULL = Model(
    {
        **{kind: np.array([[0, 1], [1, 0], [1, 1]], kind) for kind in KINDS},
        "number": np.array(3.5),
        "empty": np.zeros((0, 4), np.float32),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "part": np.arange(10, dtype=np.int32)[::3],
        "odd": np.array([np.nan, -0.0, np.inf], np.float32),
    },
    {"rate": 0.1, "layers": [8, 4], "names": {"a": None, "é": True}},
    {"loss": 0.25},
)


def same(one: Any, other: Any) -> bool:
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def test_a_model_comes_back_as_it_was_written(store: Store) -> None:
    read = store.read(store.write(MODEL, DAY, FULL, SETTINGS))
    assert {name for name in FULL.weights if not same(read.weights[name], FULL.weights[name])} == set()
    assert (set(read.weights), read.parameters, read.metrics) == (set(FULL.weights), FULL.parameters, FULL.metrics)
    assert model_digest(read) == model_digest(FULL)


def test_the_same_model_gives_the_same_bytes_whatever_the_order_of_its_parts() -> None:
    weights, parameters = (dict(reversed(list(part.items()))) for part in (FULL.weights, FULL.parameters))
    turned = Model(weights, parameters, dict(FULL.metrics))
    assert encode(turned) == encode(FULL)
    assert model_digest(turned) == model_digest(FULL)


def test_another_process_writes_the_same_bytes(scripts: Scripts, tmp_path: Path) -> None:
    code = "from test_models import FULL, encode\n[print(d.hex()) for d in encode(FULL).values()]"
    returned, out, err = scripts.run(code, PYTHONHASHSEED="77")
    assert (returned, out.split()) == (0, [data.hex() for data in encode(FULL).values()]), err


@pytest.mark.parametrize(
    "other",
    [
        Model({"w": np.ones(4, np.float64)}, {"number": 1}, {"loss": 0.5}),
        Model({"w": np.ones((2, 2), np.float32)}, {"number": 1}, {"loss": 0.5}),
        Model({"v": np.ones(4, np.float32)}, {"number": 1}, {"loss": 0.5}),
        Model({"w": np.array([1, 1, 1, 2], np.float32)}, {"number": 1}, {"loss": 0.5}),
        Model({"w": np.ones(4, np.float32)}, {"number": 2}, {"loss": 0.5}),
        Model({"w": np.ones(4, np.float32)}, {"number": 1}, {"loss": 0.25}),
    ],
    ids=["type", "shape", "name", "value", "parameter", "metric"],
)
def test_a_model_that_differs_has_another_digest_and_another_place(store: Store, other: Model) -> None:
    one = model(1)
    assert model_digest(one) != model_digest(other)
    places = {store.write(MODEL, DAY, each, SETTINGS).uri for each in (one, other)}
    assert len(places) == 2


def test_a_number_is_not_a_list_of_one() -> None:
    number, listed = (Model({"w": np.array(value, np.float32)}, {}) for value in (1, [1]))
    assert model_digest(number) != model_digest(listed)
    assert decode(*encode(number).values()).weights["w"].shape == ()


def test_where_a_model_lies_comes_from_partition_settings_and_content_alone(store: Store) -> None:
    made = store.write(MODEL, DAY, model(1), SETTINGS)
    assert made == store.write(MODEL, DAY, model(1), SETTINGS)
    assert store.path(made.uri) == f"artifacts/production/shelf/model/{DAY}/{SETTINGS}-{model_digest(model(1))[7:19]}"
    assert made.bytes == sum(len(data) for data in encode(model(1)).values())


def test_an_older_model_stays_when_another_is_written(store: Store) -> None:
    old = store.write(MODEL, DAY, model(1), SETTINGS)
    store.write(MODEL, DAY, model(2), SETTINGS)
    assert store.read(old).parameters == {"number": 1}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused(store: Store, number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.write(MODEL, DAY, Model({}, {}, {"loss": number}), SETTINGS)
    with pytest.raises(ValueError, match="JSON compliant"):
        store.write(METRICS, DAY, {"loss": number}, SETTINGS)
    assert store.list("artifacts") == []


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_model_that_lost_a_file_is_named(store: Store, name: str) -> None:
    made = store.write(MODEL, DAY, model(1), SETTINGS)
    Path(made.uri, name).unlink()
    with pytest.raises(StorageError, match=rf"{made.uri}/{name} is gone, so model of .* cannot be read: run the step"):
        store.read(made)


def is_pickle(data: bytes) -> bool:
    """Whether data reads as a pickle from its first to its last byte."""
    try:
        last = list(pickletools.genops(data))[-1][2]
    except (ValueError, IndexError):
        return False
    return last == len(data) - 1


def test_nothing_that_is_stored_is_a_pickle(store: Store) -> None:
    save(store, numbers(1))
    store.write(MODEL, DAY, FULL, SETTINGS)
    store.write(METRICS, DAY, {"a": 1}, SETTINGS)
    files = [path for path in Path(store.root).rglob("*") if path.is_file()]
    assert len(files) == 6
    assert [path for path in files if is_pickle(path.read_bytes())] == []
    assert {path.suffix for path in files} == {".parquet", ".json", ".safetensors"}
    assert is_pickle(b"\x80\x04K\x01.")


def test_weights_can_be_read_without_counterpoint(store: Store) -> None:
    made = store.write(MODEL, DAY, model(3), SETTINGS)
    data = Path(made.uri, "weights.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header["w"] == {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    assert np.frombuffer(data[8 + length :], np.float32).tolist() == [3.0] * 4
