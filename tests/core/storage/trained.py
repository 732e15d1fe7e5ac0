"""Small models of each library, trained alike in every process; importable in the children that tests start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from counterpoint.storage import StoredModel

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = pd.DataFrame({"a": np.arange(40.0) % 7, "b": np.arange(40.0) % 3, "c": ["x", "y"] * 20})
NUMBERS, TARGET = DATA[["a", "b"]], np.arange(40) % 7 // 4


class Net(torch.nn.Module):
    def __init__(self, width: int, out: int = 1) -> None:
        super().__init__()
        self.inner, self.outer = torch.nn.Linear(2, width), torch.nn.Linear(width, out).double()
        self.register_buffer("seen", torch.tensor(3))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.relu(self.inner(rows)).double())


class Plain(Net):
    def __init__(self) -> None:
        super().__init__(4)


def built(width: int) -> Net:
    return Net(width)


class Centre(TransformerMixin, BaseEstimator):
    def fit(self, rows: Any, _target: Any = None) -> Centre:
        self.mean_ = np.asarray(rows).mean(axis=0)
        return self

    def transform(self, rows: Any) -> Any:
        return np.asarray(rows) - self.mean_


def logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(NUMBERS, TARGET)


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(3, random_state=0).fit(NUMBERS, TARGET)


def whole_pipeline() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer((OneHotEncoder(), ["c"]), (Centre(), ["a", "b"]))
    return make_pipeline(columns, LogisticRegression()).fit(DATA, TARGET)


def words() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(stop_words="english").fit(["red green blue", "blue and yellow"])


def xgboost_booster() -> Any:
    import xgboost

    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(NUMBERS, TARGET), 3)


def xgboost_estimator() -> Any:
    import xgboost

    return xgboost.XGBClassifier(n_estimators=3, missing=0.0).fit(NUMBERS, TARGET)


def lightgbm_booster() -> Any:
    import lightgbm

    return lightgbm.train({"verbose": -1, "min_data_in_leaf": 2}, lightgbm.Dataset(NUMBERS, TARGET), 3)


def lightgbm_estimator() -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1).fit(NUMBERS, TARGET)


def onnx_graph() -> Any:
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.array([[2.0], [3.0]], np.float32), "w")
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 2])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    node = helper.make_node("MatMul", ["rows", "w"], ["score"])
    graph = helper.make_graph([node], "weighted", [rows], [score], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def torch_module() -> Any:
    torch.manual_seed(5)
    return Plain()


def torch_with_arguments() -> Any:
    from counterpoint.storage import TorchModel

    torch.manual_seed(5)
    return TorchModel(Net(3), built, {"width": 3})


MODELS: dict[str, Callable[[], Any]] = {
    function.__name__: function
    for function in (
        *(logistic, forest, whole_pipeline, words, xgboost_booster, xgboost_estimator),
        *(lightgbm_booster, lightgbm_estimator, onnx_graph, torch_module, torch_with_arguments),
    )
}


def answer(model: Any) -> Any:
    """What a model says of the data, as an array."""
    if hasattr(model, "SerializeToString"):
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run(None, {"rows": NUMBERS.to_numpy(np.float32)})[0]
    if hasattr(model, "state_dict"):
        return model(torch.tensor(NUMBERS.to_numpy(np.float32))).detach().numpy()
    if hasattr(model, "vocabulary_"):
        return model.transform(["red blue"]).toarray()
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost

        return model.predict(xgboost.DMatrix(NUMBERS))
    return model.predict(DATA if type(model).__name__ == "Pipeline" else NUMBERS)


class Countdown:
    """A third party's model."""

    start = 3


class CountdownFormat:
    name = "countdown"

    def recognises(self, value: Any) -> bool:
        return isinstance(value, Countdown)

    def writes(self, value: Any, _trusted: Any) -> StoredModel:
        return StoredModel({"start.txt": str(value.start).encode()}, {"unit": "s"})

    def reads(self, stored: StoredModel, _trusted: Any) -> Any:
        model = Countdown()
        model.start = int(stored.files["start.txt"])
        return model

    def flavor(self, _value: Any, _trusted: Any) -> None:
        return None
