"""ONNX graphs as their own protobuf, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.extras import need
from counterpoint.storage.formats.protocol import Flavor, StoredModel, is_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "model.onnx"
_EXTERNAL = 1


class OnnxGraph:
    """`onnx.ModelProto`."""

    name = "onnx"

    def recognises(self, value: Any) -> bool:
        """Whether a value is a graph."""
        return is_of(value, "onnx", "ModelProto")

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:  # noqa: ARG002 - of the protocol
        """The graph with its weights.

        Raises:
            StepError: weights lie in other files.
        """
        outside = [tensor.name for tensor in value.graph.initializer if tensor.data_location == _EXTERNAL]
        if outside:
            raise StepError(
                f"its weights {outside[0]!r} lie in a file of their own: load them by"
                " onnx.external_data_helper.load_external_data_for_model(model, folder)"
            )
        return StoredModel({FILE: value.SerializeToString(deterministic=True)})

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:  # noqa: ARG002
        """The graph; `onnxruntime.InferenceSession(model.SerializeToString())` runs it."""
        return need("onnx", "onnx", "ONNX models").load_model_from_string(stored.files[FILE])

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:  # noqa: ARG002
        """MLflow's own, which predicts by onnxruntime."""
        return Flavor("mlflow.onnx", ("onnx", "onnxruntime"))
