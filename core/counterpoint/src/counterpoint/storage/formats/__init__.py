"""The formats in which models are stored, each without pickle: those of this package and of entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from counterpoint.errors import UsageError
from counterpoint.storage.formats.lightgbm_text import LightGBMText
from counterpoint.storage.formats.onnx_graph import OnnxGraph
from counterpoint.storage.formats.protocol import Flavor, ModelFormat, StoredModel
from counterpoint.storage.formats.sklearn_skops import SklearnSkops
from counterpoint.storage.formats.torch_state import TorchModel, TorchState
from counterpoint.storage.formats.xgboost_ubj import XGBoostUBJ

__all__ = ["Flavor", "ModelFormat", "StoredModel", "TorchModel", "format_named", "format_of", "formats"]
GROUP = "counterpoint.model_formats"


@cache
def formats() -> dict[str, ModelFormat]:
    """All formats by name; those of entry points come first, the most special of ours before the others.

    Raises:
        UsageError: two formats have one name, so that it would not be known which reads what is stored.
    """
    own: tuple[ModelFormat, ...] = (XGBoostUBJ(), LightGBMText(), OnnxGraph(), TorchState(), SklearnSkops())
    found: dict[str, ModelFormat] = {}
    for form in (*(entry.load()() for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)), *own):
        if form.name in found:
            raise UsageError(
                f"two formats of models are named {form.name!r} ({type(found[form.name]).__module__} and"
                f" {type(form).__module__}): rename one, or uninstall its distribution"
            )
        found[form.name] = form
    return found


def format_of(value: Any) -> ModelFormat | None:
    """The format of a model, or None where there is none for it."""
    return next((form for form in formats().values() if form.recognises(value)), None)


def format_named(name: str) -> ModelFormat:
    """The format that wrote a model.

    Raises:
        UsageError: it is not installed here.
    """
    if name not in formats():
        raise UsageError(
            f"the model was stored in the format {name!r}, which is not installed here: install the distribution that"
            f" registers it (entry point group {GROUP}); here are {', '.join(formats())}"
        )
    return formats()[name]
