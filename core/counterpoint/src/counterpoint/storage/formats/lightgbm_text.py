"""LightGBM's boosters as its own text; its estimators are stored as those of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.extras import need
from counterpoint.storage.formats.protocol import Flavor, StoredModel, is_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "model.txt"


class LightGBMText:
    """`lightgbm.Booster`."""

    name = "lightgbm"

    def recognises(self, value: Any) -> bool:
        """Whether a value is a booster."""
        return is_of(value, "lightgbm", "Booster")

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:  # noqa: ARG002 - of the protocol
        """The trees up to the best iteration, which are those that predict."""
        return StoredModel({FILE: value.model_to_string().encode()})

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:  # noqa: ARG002
        """The booster."""
        lightgbm = need("lightgbm", "lightgbm", "models of LightGBM")
        return lightgbm.Booster(model_str=stored.files[FILE].decode())

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:  # noqa: ARG002
        """MLflow's own, which writes the same text."""
        return Flavor("mlflow.lightgbm", ("lightgbm",))
