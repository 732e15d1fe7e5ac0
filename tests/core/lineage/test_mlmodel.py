"""What is registered has an `MLmodel`, loads by `mlflow.pyfunc`, and answers as the model itself, without pickle."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from workshop import DAY, GATE, NAME, Workshop

from counterpoint.errors import UsageError
from counterpoint.lineage import register
from counterpoint.lineage.registry import place_of
from counterpoint.model import Decision, Output, OutputKind, Pipeline, Step
from counterpoint.storage import Model

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))

from trained import DATA, MODELS, NUMBERS, answer

# by name: the files of the registered model that hold what was learned
FILES = {
    "forest": "model.skops",
    "whole_pipeline": "model.skops",
    "xgboost_booster": "model.ubj",
    "xgboost_estimator": "model.ubj",
    "lightgbm_booster": "model.lgb",
    "lightgbm_estimator": "model.skops",
    "torch_with_arguments": "state.safetensors",
}


def scored(model: Model, frame: pd.DataFrame) -> Any:
    assert isinstance(frame, pd.DataFrame)
    return frame.to_numpy() @ model.weights["w"]


def registered(workshop: Workshop, model: Any, predict: str | None = None) -> Any:
    """A model registered by a step, as MLflow loads it."""
    output = Output(OutputKind.MODEL, trusted=("trained.Centre",), predict=predict)
    workshop.store.pipeline = Pipeline("workshop", (Step("trained", "workshop:made", output=output), GATE))
    reference = workshop.keep(workshop.store.pipeline.step("trained"), model)
    decision = Decision(NAME, "trained", "production", "good", {}, {})
    register(workshop.store, workshop.store.pipeline, workshop.request(DAY), [decision], {"trained": reference})
    uri = place_of(workshop.store).uri
    try:
        mlflow.set_tracking_uri(uri)
        return mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    finally:
        mlflow.set_tracking_uri(None)
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # mlflow sets it as well


@pytest.mark.parametrize("name", FILES)
def test_a_registered_model_answers_as_the_model_itself(name: str, workshop: Workshop) -> None:
    model = MODELS[name]()
    loaded = registered(workshop, model)
    told = loaded.predict(DATA if name == "whole_pipeline" else NUMBERS)
    assert np.array_equal(told, answer(getattr(model, "module", model)))
    source = Path(workshop.client.get_model_version(NAME, "1").source.removeprefix("file://"))
    names = {path.name for path in source.iterdir()}
    assert {"MLmodel", FILES[name]} <= names
    assert [name for name in names if name.endswith((".pkl", ".pth", ".pickle"))] == []
    assert "cloudpickle" not in (source / "MLmodel").read_text(encoding="utf-8")


def test_a_graph_answers_by_onnxruntime(workshop: Workshop) -> None:
    model = MODELS["onnx_graph"]()
    (told,) = registered(workshop, model).predict(NUMBERS.to_numpy(np.float32)).values()
    assert np.array_equal(told, answer(model))


def test_weights_answer_by_the_function_that_their_output_names(workshop: Workshop) -> None:
    model = Model({"w": np.array([1.0, 2.0])}, {})
    loaded = registered(workshop, model, "test_mlmodel:scored")
    assert np.array_equal(loaded.predict(NUMBERS), NUMBERS.to_numpy() @ [1.0, 2.0])
    with pytest.raises(UsageError, match="takes no parameters, and limit were given"):
        loaded._model_impl.predict(NUMBERS, {"limit": 3})


def test_weights_without_such_a_function_load_and_say_what_to_do(workshop: Workshop) -> None:
    loaded = registered(workshop, Model({"w": np.array([1.0])}, {"rate": 0.5}))
    assert loaded.get_raw_model().parameters == {"rate": 0.5}
    with pytest.raises(UsageError, match=r"nothing says how this model predicts: name a function .*predict="):
        loaded.predict(NUMBERS)


def test_a_transformer_loads_and_says_that_it_does_not_predict(workshop: Workshop) -> None:
    loaded = registered(workshop, MODELS["words"]())
    with pytest.raises(UsageError, match="nothing says how this model predicts"):
        loaded.predict(NUMBERS)
