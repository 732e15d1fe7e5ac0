"""A model as MLflow keeps it: a folder with `MLmodel`, which `mlflow.pyfunc.load_model` loads; no pickle in it.

Where MLflow's own flavor for the library saves without pickle, it is used. Else the folder holds the files as they are
stored, and this module is the loader that MLflow calls.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.frames import as_polars, frames_asked, given_as
from counterpoint.model import Output, OutputKind, load
from counterpoint.model.functions import parameters_of
from counterpoint.storage import layout
from counterpoint.storage.formats import format_of
from counterpoint.storage.modelfiles import decoded, file_names
from counterpoint.storage.models import is_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.storage.formats import Flavor

_MLMODEL, _FLAVOR = "MLmodel", "python_function"


def save_mlmodel(folder: Path, output: Output, value: Any, files: Mapping[str, bytes]) -> None:
    """Writes a model as MLflow loads it.

    Args:
        folder: it is made.
        output: of the step that made the model.
        value: the model.
        files: as they are stored.
    """
    form = None if output.predict or is_weights(value) else format_of(value)
    flavor = form.flavor(value, output.trusted) if form else None
    if flavor:
        _save_flavor(folder, value, flavor)
        return
    from mlflow.models import Model

    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    model = Model()
    facts = {"predict": output.predict, "trusted": list(output.trusted)}
    model.add_flavor(_FLAVOR, loader_module=__name__, counterpoint=facts)
    model.save(str(folder / _MLMODEL))


def _save_flavor(folder: Path, value: Any, flavor: Flavor) -> None:
    requirements = ["mlflow", *_pins(flavor.packages)]
    save = importlib.import_module(flavor.module).save_model
    save(value, str(folder), pip_requirements=requirements, **flavor.arguments)


def _pins(packages: Iterable[str]) -> list[str]:
    """The installed distributions that bring packages, with their versions."""
    known = packages_distributions()
    found = []
    for package in packages:
        name = known.get(package, [package])[0]
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            found.append(name)
    return found


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Predictor:  # noqa: ARG001 - MLflow's
    """What MLflow calls to load a model of this loader from its folder."""
    from mlflow.models import Model

    facts = Model.load(str(Path(path, _MLMODEL))).flavors[_FLAVOR]["counterpoint"]
    output = Output(OutputKind.MODEL, trusted=tuple(facts["trusted"]), predict=facts["predict"])
    described = Path(path, layout.MODEL).read_bytes()
    value = decoded({name: Path(path, name).read_bytes() for name in file_names(described)}, output)
    return Predictor(value, output.predict)


class Predictor:
    """A loaded model with the method that MLflow calls; `model` is the model itself."""

    def __init__(self, model: Any, function: str | None) -> None:
        self.model = model
        self._function = function

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What the model answers: by the function that its output names, else by the library.

        Args:
            data: a pandas frame, or what else `mlflow.pyfunc` takes.
            params: of MLflow; there are none.

        Raises:
            UsageError: nothing says how the model predicts, or parameters were given.
        """
        if params:
            raise UsageError(f"the model takes no parameters, and {', '.join(params)} were given: leave them out")
        if self._function:
            return load(self._function)(self.model, _as_asked(self._function, data))
        if hasattr(self.model, "state_dict"):
            return _forward(self.model, data)
        if callable(getattr(self.model, "predict", None)):
            return self.model.predict(data)
        raise UsageError(
            "nothing says how this model predicts: name a function of the model and a frame in the output of the step"
            " that trains it, Output(OutputKind.MODEL, predict='package.module:function'), and register it again"
        )

    def get_raw_model(self) -> Any:
        """The model itself; MLflow's `unwrap_python_model` and `get_raw_model` ask for it."""
        return self.model


def _as_asked(reference: str, data: Any) -> Any:
    """The data as the second parameter of a function asks for it."""
    asked = frames_asked(load(reference)).get(parameters_of(reference)[1], "polars.DataFrame")
    if asked == "pandas.DataFrame" or not hasattr(data, "columns"):
        return data
    return given_as(asked, as_polars(data, "the caller of predict"))


def _forward(module: Any, data: Any) -> Any:
    """A module's answer to rows of numbers, as an array."""
    import numpy as np
    import torch

    with torch.inference_mode():
        return module(torch.from_numpy(np.array(data, dtype=np.float32))).numpy()
