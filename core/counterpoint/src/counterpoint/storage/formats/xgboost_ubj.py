"""XGBoost's boosters and estimators in its own binary JSON (UBJ), with the parameters that its file leaves out."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.extras import need
from counterpoint.storage.formats.plain import plain_parameters
from counterpoint.storage.formats.protocol import Flavor, StoredModel, is_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "model.ubj"
_FIX = "set it to None by .set_params() after training, or return .get_booster()"


class XGBoostUBJ:
    """`Booster`, and the estimators of `xgboost` itself; a class of one's own is an estimator of scikit-learn."""

    name = "xgboost"

    def recognises(self, value: Any) -> bool:
        """Whether a value is a booster, or an estimator of XGBoost's own."""
        is_own = type(value).__module__.partition(".")[0] == "xgboost"
        return is_of(value, "xgboost", "Booster") or (is_own and is_of(value, "xgboost", "XGBModel"))

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:  # noqa: ARG002 - of the protocol
        """The model as UBJ.

        Raises:
            StepError: a parameter of an estimator is a function, or another thing that JSON does not hold.
        """
        if is_of(value, "xgboost", "Booster"):
            return StoredModel({FILE: bytes(value.save_raw("ubj"))}, {"class": "Booster", "parameters": {}})
        with TemporaryDirectory(prefix="counterpoint-") as folder:
            path = Path(folder, FILE)
            value.save_model(path)
            data = path.read_bytes()
        facts = {"class": type(value).__name__, "parameters": plain_parameters(_changed(value), _FIX)}
        return StoredModel({FILE: data}, facts)

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:  # noqa: ARG002
        """The booster or estimator."""
        xgboost = need("xgboost", "xgboost", "models of XGBoost")
        kind = getattr(xgboost, stored.facts["class"], None)
        if not isinstance(kind, type) or not issubclass(kind, xgboost.Booster | xgboost.XGBModel):
            raise StepError(
                f"xgboost {xgboost.__version__} has no model {stored.facts['class']!r}: install a later one"
            )
        model = kind(**stored.facts["parameters"])
        model.load_model(bytearray(stored.files[FILE]))
        return model

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:  # noqa: ARG002
        """MLflow's own, which writes UBJ as well, where it keeps all that a prediction needs."""
        is_whole = is_of(value, "xgboost", "Booster") or not _changed(value).keys() & {"missing", "enable_categorical"}
        return Flavor("mlflow.xgboost", ("xgboost",), {"model_format": "ubj"}) if is_whole else None


def _changed(estimator: Any) -> dict[str, Any]:
    """The parameters that are not the defaults of the class."""
    defaults = type(estimator)().get_params()
    return {name: value for name, value in estimator.get_params().items() if not _is_same(value, defaults.get(name))}


def _is_same(value: Any, default: Any) -> bool:
    if isinstance(value, float) and isinstance(default, float) and math.isnan(value):
        return math.isnan(default)
    return type(value) is type(default) and bool(value == default)
