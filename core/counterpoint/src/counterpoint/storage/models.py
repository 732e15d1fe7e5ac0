"""Models as plain data: named weights, JSON parameters, metrics; stored as safetensors and JSON, never pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.extras import need
from counterpoint.storage import layout

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Model:
    """A trained model. `weights` are numpy arrays by name, `parameters` JSON values, `metrics` those of training."""

    weights: Mapping[str, np.ndarray[Any, Any]]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)


def is_weights(value: Any) -> bool:
    """Whether a value is a `Model`, or has all that one has."""
    return all(isinstance(getattr(value, name, None), Mapping) for name in ("weights", "parameters", "metrics"))


def encode(model: Model) -> dict[str, bytes]:
    """The files of a model, by name; the same model gives the same bytes."""
    import numpy as np

    save = need("safetensors.numpy", "models", "models as outputs").save

    ordered = {name: np.asarray(model.weights[name], order="C") for name in sorted(model.weights)}
    described = {"parameters": dict(model.parameters), "metrics": dict(model.metrics)}
    return {
        layout.WEIGHTS: save(ordered),
        layout.MODEL: json.dumps(described, sort_keys=True, allow_nan=False).encode(),
    }


def decode(weights: bytes, described: bytes) -> Model:
    """The inverse of `encode`."""
    load = need("safetensors.numpy", "models", "models as outputs").load

    values = json.loads(described)
    return Model(load(weights), values["parameters"], values["metrics"])
