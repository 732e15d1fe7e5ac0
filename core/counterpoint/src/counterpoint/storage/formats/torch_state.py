"""Modules of torch as a state dict in safetensors, and a reference to what builds the empty module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError, StepError
from counterpoint.extras import need
from counterpoint.model import load
from counterpoint.model.functions import reference_of
from counterpoint.storage.formats.plain import plain_parameters
from counterpoint.storage.formats.protocol import Flavor, StoredModel, is_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FILE = "state.safetensors"
_WHAT = "models of torch"


@dataclass(frozen=True)
class TorchModel:
    """A module with what builds it anew: what a step returns whose module needs arguments.

    Args:
        module: the trained module.
        factory: a class or function at the top level of a module, or `package.module:name`; the module's class if it
            is left out.
        arguments: of the factory, by name, as JSON values.
    """

    module: Any
    factory: Callable[..., Any] | str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


class TorchState:
    """`torch.nn.Module`, and `TorchModel`; the step that reads it gets the module."""

    name = "torch"

    def recognises(self, value: Any) -> bool:
        """Whether a value is a module, or one with what builds it."""
        return isinstance(value, TorchModel) or is_of(value, "torch", "Module")

    def writes(self, value: Any, trusted: Sequence[str]) -> StoredModel:
        """The parameters and buffers of the module, after it was built anew by way of trial.

        Raises:
            StepError: it cannot be built from its factory and arguments, or what is built is another module.
        """
        given = value if isinstance(value, TorchModel) else TorchModel(value)
        arguments = plain_parameters(given.arguments, "build it within a factory")
        facts = {"factory": _factory(given), "arguments": arguments}
        state = _tensors(given.module)
        stored = StoredModel({FILE: need("safetensors.torch", "models", _WHAT).save(state)}, facts)
        try:
            built = self.reads(stored, trusted)
        except Exception as error:
            raise StepError(
                f"{facts['factory']} does not build it again from the arguments {facts['arguments']}"
                f" ({type(error).__name__}: {error}): return counterpoint.storage.TorchModel(module,"
                " factory=function_or_class, arguments={…}) with what it needs"
            ) from error
        if type(built) is not type(given.module):
            raise StepError(
                f"{facts['factory']} builds {type(built).__qualname__}, not {type(given.module).__qualname__}: name the"
                " factory of this module"
            )
        return stored

    def reads(self, stored: StoredModel, trusted: Sequence[str]) -> Any:  # noqa: ARG002 - of the protocol
        """The module, on the CPU and in the mode of evaluation."""
        torch = need("torch", "torch", _WHAT)
        state = need("safetensors.torch", "models", _WHAT).load(stored.files[FILE])
        with torch.random.fork_rng(devices=[]):  # an empty module draws numbers for its weights
            module = load(stored.facts["factory"])(**stored.facts["arguments"])
        # assigned, not copied: the stored types stay
        module.load_state_dict(state, strict=True, assign=True)
        return module.eval()

    def flavor(self, value: Any, trusted: Sequence[str]) -> Flavor | None:  # noqa: ARG002
        """None: MLflow's own needs pickle, or an example of the input."""
        return None


def _factory(given: TorchModel) -> str:
    builder = given.factory or type(given.module)
    try:
        factory = builder if isinstance(builder, str) else reference_of(builder)
    except DefinitionError as error:
        raise StepError(f"no other process can build it: {error}") from None
    if factory.startswith(("torch.jit", "__main__:")):
        raise StepError(
            f"it is of {factory}, which another process cannot build: return the module that it was made of, defined in"
            " a module that can be imported, or export it to ONNX"
        )
    return factory


def _tensors(module: Any) -> dict[str, Any]:
    """The state by name, each tensor on its own: two names of one tensor are stored twice."""
    state = module.state_dict()
    other = [name for name, tensor in state.items() if not is_of(tensor, "torch", "Tensor")]
    if other:
        raise StepError(f"its state {other[0]!r} is no tensor: register it as a buffer, or pass it as an argument")
    return {name: state[name].detach().cpu().clone().contiguous() for name in sorted(state)}
