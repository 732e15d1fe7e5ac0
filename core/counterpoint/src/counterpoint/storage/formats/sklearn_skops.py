"""Estimators of scikit-learn, and of libraries that follow it, by skops: no code is run when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.extras import need
from counterpoint.storage.formats.protocol import Flavor, StoredModel, is_of
from counterpoint.storage.formats.skops_archive import canonical_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "model.skops"
# skops trusts most of scikit-learn; its trees, neighbours and histograms are compiled types that it does not list
_TRUSTED = ("sklearn.", "lightgbm.", "xgboost.")
_TYPES = frozenset(("collections.OrderedDict",))
_WHAT = "models of scikit-learn"


class SklearnSkops:
    """Whatever inherits from `sklearn.base.BaseEstimator`."""

    name = "sklearn"

    def recognises(self, value: Any) -> bool:
        """Whether a value is an estimator, a transformer or a pipeline of them."""
        return is_of(value, "sklearn", "BaseEstimator")

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:
        """The estimator as skops writes it, without the addresses and times that differ from run to run.

        Raises:
            StepError: it holds types that are not trusted, or that skops cannot store.
        """
        data = self._dumped(value)
        unknown = [name for name in self._untrusted(data) if not _is_trusted(name, trusted)]
        if local := [name for name in unknown if "<" in name]:
            raise StepError(
                f"it holds {local[0]}, which no other process can import: define it at the top level of a module, and"
                " name it in the step's output, Output(OutputKind.MODEL, trusted=(…,))"
            )
        if unknown:
            raise StepError(
                f"it holds the types {', '.join(unknown)}, which are not trusted: name those that are your own in the"
                f" step's output, Output(OutputKind.MODEL, trusted=({unknown[0]!r},)), or train without them"
            )
        stored = StoredModel({FILE: canonical_archive(data)})
        try:
            self.reads(stored, trusted)
        except Exception as error:
            raise StepError(
                f"what skops wrote of it cannot be read again ({type(error).__name__}: {error}): functions in it must"
                " be importable, no lambdas, and classes must be at the top level of a module"
            ) from error
        return stored

    def _dumped(self, value: Any) -> bytes:
        io = need("skops.io", "sklearn", _WHAT)
        try:
            data: bytes = io.dumps(value)
        except Exception as error:
            raise StepError(
                f"skops does not store it ({type(error).__name__}: {error}): take the part that it names out of the"
                " estimator, or export the model to ONNX"
            ) from error
        return data

    def _untrusted(self, data: bytes) -> list[str]:
        return sorted(need("skops.io", "sklearn", _WHAT).get_untrusted_types(data=data))

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:
        """The estimator; a type that is not trusted is refused."""
        data = stored.files[FILE]
        names = [name for name in self._untrusted(data) if _is_trusted(name, trusted)]
        return need("skops.io", "sklearn", _WHAT).loads(data, trusted=names)

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:
        """MLflow's own, by skops; a transformer does not predict, and has none."""
        if not hasattr(value, "predict"):
            return None
        names = [name for name in self._untrusted(self._dumped(value)) if _is_trusted(name, trusted)]
        arguments = {"serialization_format": "skops", "skops_trusted_types": names}
        packages = sorted({"sklearn", "skops", *(name.partition(".")[0] for name in names)} & _KNOWN)
        return Flavor("mlflow.sklearn", tuple(packages), arguments)


_KNOWN = {"sklearn", "skops", "lightgbm", "xgboost"}


def _is_trusted(name: str, trusted: Sequence[str]) -> bool:
    return name in trusted or name in _TYPES or name.startswith(_TRUSTED)
