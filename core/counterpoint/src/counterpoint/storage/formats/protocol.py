"""What a format of models is; others register theirs under the entry point group `counterpoint.model_formats`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model as it is stored.

    `files` are its files by name, `facts` JSON values that reading needs. The same model must give the same bytes and
    facts: its digest is theirs.
    """

    files: Mapping[str, bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flavor:
    """How MLflow itself saves a model, without pickle.

    `module` is that of MLflow with a function `save_model`, which gets the model, a folder and `arguments`; `packages`
    are what reading it imports.
    """

    module: str
    packages: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


class ModelFormat(Protocol):
    """A format in which models of one library are stored without pickle."""

    name: str

    def recognises(self, value: Any) -> bool:
        """Whether a value is a model of this format; imports nothing to tell."""

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:
        """A model as files; the same model gives the same bytes.

        Args:
            value: the model.
            trusted: full names of types that the output trusts beside those of the library.

        Raises:
            StepError: the model cannot be stored without pickle; says why, and the fix.
        """

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:
        """The model that `writes` stored, ready to predict."""

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:
        """How MLflow saves the model without pickle, or None where it cannot."""


def is_of(value: Any, package: str, *names: str) -> bool:
    """Whether a value's class, or one that it inherits from, is of a package and has one of the names."""
    kinds = type(value).__mro__
    return any(kind.__name__ in names and kind.__module__.partition(".")[0] == package for kind in kinds)
