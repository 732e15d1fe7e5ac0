"""Models of libraries: the same bytes in every process, the same answers when they are read, and no pickle."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from shelves import DAY, MODEL, SETTINGS
from test_models import is_pickle
from trained import MODELS, NUMBERS, TARGET, Centre, Countdown, Net, answer

from counterpoint.errors import DamagedOutputError, StepError, UsageError
from counterpoint.model import Output, OutputKind, Pipeline, Step
from counterpoint.storage import Store, TorchModel, formats
from counterpoint.storage.inventory import Inventory
from counterpoint.storage.modelfiles import decoded, encoded

if TYPE_CHECKING:
    from conftest import Scripts

TRUSTED = Step("model", "shelves:doubled", output=Output(OutputKind.MODEL, trusted=("trained.Centre",)))
DIGESTS = """
import json
from test_formats import MODELS, TRUSTED, encoded
print(json.dumps({name: encoded(TRUSTED, train())[1] for name, train in MODELS.items()}))
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Store:
    return Store(str(tmp_path), Pipeline("shelf", (TRUSTED,)))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_as_before_when_it_is_read(name: str, shelf: Store) -> None:
    model = MODELS[name]()
    made = shelf.write(TRUSTED, DAY, model, SETTINGS)
    expected = answer(model.module if isinstance(model, TorchModel) else model)
    assert np.array_equal(answer(shelf.read(made)), expected)
    assert Inventory(shelf).lacks(made) is None
    files = [path for path in Path(made.uri).iterdir() if path.is_file()]
    assert [path for path in files if is_pickle(path.read_bytes()) or path.suffix in {".pkl", ".pt", ".joblib"}] == []
    assert made.bytes == sum(path.stat().st_size for path in files)


def test_the_same_model_has_the_same_digest_here_and_in_another_process(scripts: Scripts) -> None:
    here = {name: encoded(TRUSTED, train())[1] for name, train in MODELS.items()}
    assert here == {name: encoded(TRUSTED, train())[1] for name, train in MODELS.items()}
    process = scripts.start(DIGESTS, PYTHONHASHSEED="77")
    out, err = process.communicate(timeout=300)  # five libraries are imported, on a busy machine
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1]) == here
    assert len(set(here.values())) == len(MODELS)


def test_types_and_buffers_of_a_module_stay(shelf: Store) -> None:
    made = shelf.write(TRUSTED, DAY, MODELS["torch_with_arguments"](), SETTINGS)
    read = shelf.read(made)
    assert (type(read), read.training, int(read.seen)) == (Net, False, 3)
    assert {name: tensor.dtype for name, tensor in read.state_dict().items()}["outer.weight"] == torch.float64


def _lambda() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression()).fit(NUMBERS, TARGET)


def _own_objective() -> Any:
    import xgboost

    def objective(true: Any, told: Any) -> Any:
        return told - true, np.ones_like(told)

    return xgboost.XGBRegressor(n_estimators=2, objective=objective).fit(NUMBERS, TARGET)


def _unfitted() -> Any:
    import xgboost

    return xgboost.XGBClassifier()


def _outside() -> Any:
    graph = MODELS["onnx_graph"]()
    graph.graph.initializer[0].data_location = 1
    return graph


REFUSED = {
    "untrusted": (lambda: Centre().fit(NUMBERS), ("the types trained.Centre", "trusted=('trained.Centre',)")),
    "lambda": (_lambda, ("<lambda>", "top level of a module")),
    "objective": (_own_objective, ("its parameter objective is <function", ".get_booster()")),
    "unfitted": (_unfitted, ("as xgboost: NotFittedError",)),
    "outside": (_outside, ("its weights 'w' lie in a file", "load_external_data_for_model")),
    "arguments": (lambda: Net(2), ("trained:Net does not build it again", "TorchModel(module", "arguments={")),
    "other width": (lambda: TorchModel(Net(2), "trained:built", {"width": 5}), ("size mismatch", "TorchModel(")),
    "other class": (lambda: TorchModel(Net(4), "trained:Plain"), ("builds Plain, not Net",)),
    "local": (
        lambda: type("Net", (Net,), {"__qualname__": "f.<locals>.Net"})(1),
        ("no other process can build it", "top level"),
    ),
    "script": (lambda: torch.jit.script(MODELS["torch_module"]()), ("cannot build", "export it to ONNX")),
    "object": (lambda: {"a": 1}, ("a dict, cannot be stored", "no format here")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stored_without_pickle_says_why_and_what_to_do(name: str, store: Store) -> None:
    model, words = REFUSED[name][0](), REFUSED[name][1]
    with pytest.raises(StepError) as failure:
        store.write(MODEL, DAY, model, SETTINGS)
    told = str(failure.value)
    assert told.startswith("the model that step model returned, ")
    assert [word for word in words if word not in told] == []
    assert store.list("artifacts") == []


def test_a_type_that_is_no_longer_trusted_is_not_read(shelf: Store) -> None:
    files, _ = encoded(TRUSTED, MODELS["whole_pipeline"]())
    with pytest.raises(Exception, match=r"trained\.Centre"):
        decoded(files, Output(OutputKind.MODEL))


@pytest.mark.parametrize("name", ["model.ubj", "model.json"])
def test_a_file_that_was_changed_or_lost_is_named(name: str, shelf: Store) -> None:
    made = shelf.write(TRUSTED, DAY, MODELS["xgboost_booster"](), SETTINGS)
    path = Path(made.uri, name)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"class", b"klass") if name == "model.json" else data[:-1] + b"?")
    with pytest.raises(DamagedOutputError, match="holds something else than was written there"):
        shelf.read(made)
    path.unlink()
    with pytest.raises(DamagedOutputError, match=f"{name} is gone"):
        shelf.read(made)
    lost = Inventory(shelf).lacks(made)
    assert lost is not None
    assert lost.place.endswith(name)


def test_another_distribution_brings_a_format(shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("countdown", "trained:CountdownFormat", formats.GROUP)
    monkeypatch.setattr(formats, "entry_points", lambda **_: [point])
    formats.formats.cache_clear()
    try:
        made = shelf.write(TRUSTED, DAY, Countdown(), SETTINGS)
        assert shelf.read(made).start == 3
        monkeypatch.undo()
        formats.formats.cache_clear()
        with pytest.raises(UsageError, match=r"the format 'countdown', which is not installed here"):
            shelf.read(made)
        monkeypatch.setattr(formats, "entry_points", lambda **_: [point, point])
        formats.formats.cache_clear()
        with pytest.raises(UsageError, match="two formats of models are named 'countdown'"):
            shelf.read(made)
    finally:
        monkeypatch.undo()
        formats.formats.cache_clear()


def test_a_library_that_is_not_installed_is_named(shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    made = shelf.write(TRUSTED, DAY, MODELS["lightgbm_booster"](), SETTINGS)
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match=r"models of LightGBM need lightgbm.*pip install 'counterpoint\[lightgbm\]'"):
        shelf.read(made)
