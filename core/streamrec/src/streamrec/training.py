"""Training in torch, which no other module of StreamRec imports."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from counterpoint.runtime.checkpoints import Checkpoint
    from streamrec.retrieval import Pairs
    from streamrec.towers import Vocabularies

log = logging.getLogger(__name__)
_SMALL = 0.05
# another release may compute other bits, so its state is none to go on from
_RELEASE = torch.tensor(list(torch.__version__.encode()), dtype=torch.uint8)


def fixed(seed: int) -> torch.Generator:
    """A generator for all random numbers of a training; threads and algorithms are made deterministic."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.sparse.check_sparse_tensor_invariants.disable()
    return torch.Generator().manual_seed(seed)


class _Progress:
    """A training that goes on from its last epoch when an attempt before it was killed.

    All that decides later bits is saved after each epoch: weights, the states of optimizer and generator, losses.
    """

    def __init__(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, rng: torch.Generator, checkpoint: Checkpoint | None
    ) -> None:
        self.module, self.optimizer, self.rng, self.checkpoint = module, optimizer, rng, checkpoint
        self.losses: list[float] = []

    def train(self, epochs: int, epoch: Callable[[], float]) -> list[float]:
        """The mean loss of each epoch; `epoch` trains one."""
        self._resume()
        for number in range(len(self.losses), epochs):
            self.losses.append(epoch())
            log.info("epoch %d of %d: loss %.6f", number + 1, epochs, self.losses[-1])
            if self.checkpoint is not None:
                self.checkpoint.save(save(self._state()))
        return self.losses

    def _state(self) -> dict[str, torch.Tensor]:
        slots = self.optimizer.state_dict()["state"]
        return {
            "release": _RELEASE,
            "generator": self.rng.get_state(),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            **{f"weights.{name}": values for name, values in self.module.state_dict().items()},
            **{f"slots.{n}.{name}": values for n, slot in slots.items() for name, values in slot.items()},
        }

    def _resume(self) -> None:
        data = self.checkpoint.load() if self.checkpoint else None
        # copied, for what is loaded lies at any address, and an allocator's own do not
        state = {name: values.clone() for name, values in load(data).items()} if data else {}
        if not state or not torch.equal(state["release"], _RELEASE):
            return
        weights, slots = _below("weights", state), _below("slots", state)
        self.module.load_state_dict(weights)
        numbers = dict.fromkeys(name.partition(".")[0] for name in slots)
        found = {int(n): _below(n, slots) for n in numbers}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": found})
        self.rng.set_state(state["generator"])
        self.losses = state["losses"].tolist()
        log.info("resumed after epoch %d", len(self.losses))


def _below(prefix: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a state has under a prefix, by the rest of the name."""
    return {name.removeprefix(f"{prefix}."): v for name, v in state.items() if name.startswith(f"{prefix}.")}


class Towers(nn.Module):
    """The parameters of both towers; embeddings get sparse gradients."""

    def __init__(self, words: Vocabularies, log_popularity: torch.Tensor, dimension: int, rng: torch.Generator) -> None:
        super().__init__()
        self.user = self._table(len(words.users), dimension, rng)
        self.item = self._table(len(words.items), dimension, rng)
        self.category = self._table(len(words.categories), dimension, rng)
        self.bias = nn.Embedding.from_pretrained(log_popularity[:, None], freeze=False, sparse=True)
        self.taste = nn.Parameter(torch.randn(len(words.categories), dimension, generator=rng) * _SMALL)

    @staticmethod
    def _table(rows: int, dimension: int, rng: torch.Generator) -> nn.Embedding:
        start = torch.randn(rows, dimension, generator=rng) * _SMALL
        return nn.Embedding.from_pretrained(start, freeze=False, sparse=True)

    def forward(
        self, user: torch.Tensor, shares: torch.Tensor, item: torch.Tensor, category: torch.Tensor
    ) -> torch.Tensor:
        """The logits of every user of a batch (rows) for every item of it (columns)."""
        users = self.user(user) + shares @ self.taste
        items = self.item(item) + self.category(category)
        return users @ items.T + self.bias(item)[:, 0]


def train_towers(
    pairs: Pairs, words: Vocabularies, settings: Mapping[str, Any], seed: int, checkpoint: Checkpoint | None = None
) -> tuple[dict[str, NDArray[Any]], list[float]]:
    """Trains both towers; returns their weights by name and the mean loss of each epoch."""
    rng = fixed(seed)
    counts = np.bincount(pairs.item, minlength=len(words.items)).astype(np.float32)
    share = torch.from_numpy((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
    towers = Towers(words, share.log(), settings["dimension"], rng)
    optimizer = torch.optim.Adagrad(towers.parameters(), lr=settings["learning_rate"])
    batches = _Batches(pairs, share.log(), settings, rng)
    progress = _Progress(towers, optimizer, rng, checkpoint)
    losses = progress.train(settings["epochs"], partial(_epoch, towers, optimizer, batches))
    return {name.removesuffix(".weight"): p.detach().numpy() for name, p in towers.named_parameters()}, losses


class _Batches:
    """The pairs as tensors, in another order each epoch."""

    def __init__(self, pairs: Pairs, log_q: torch.Tensor, settings: Mapping[str, Any], rng: torch.Generator) -> None:
        self.user, self.item, self.category, self.taste, self.tastes = (
            torch.from_numpy(array.copy())
            for array in (pairs.user, pairs.item, pairs.category, pairs.taste, pairs.tastes)
        )
        self.log_q, self.settings, self.rng = log_q, settings, rng

    def orders(self) -> list[torch.Tensor]:
        order = torch.randperm(len(self.user), generator=self.rng)
        return list(order.split(self.settings["batch"]))

    def unknown(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows with a few replaced by that of unknown ids."""
        dropped = torch.rand(len(rows), generator=self.rng) < self.settings["unknown_rate"]
        return rows.masked_fill(dropped, 0)


def _epoch(towers: Towers, optimizer: torch.optim.Optimizer, batches: _Batches) -> float:
    total, count = 0.0, 0
    for order in batches.orders():
        item = batches.item[order]
        logits = towers(
            batches.unknown(batches.user[order]),
            batches.tastes[batches.taste[order]],
            item,
            batches.category[order],
        )
        loss = softmax_loss(logits, item, batches.log_q[item])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total, count = total + float(loss.detach()) * len(order), count + len(order)
    return total / count


def softmax_loss(logits: torch.Tensor, item: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """In-batch softmax: each row's own item against the others', corrected by the log of their chance.

    Another row's item that is the same as the own one is no negative, and is left out.
    """
    corrected = logits - log_q
    same = item[:, None] == item[None, :]
    same.fill_diagonal_(fill_value=False)
    return nn.functional.cross_entropy(corrected.masked_fill(same, -torch.inf), torch.arange(len(item)))


class Network(nn.Module):
    """Cross layers beside a perceptron of two hidden layers; one logit."""

    def __init__(self, inputs: int, settings: Mapping[str, Any]) -> None:
        super().__init__()
        width = settings["hidden"]
        self.cross = nn.ModuleList(nn.Linear(inputs, inputs) for _ in range(settings["cross_layers"]))
        self.deep = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width // 2), nn.ReLU())
        self.out = nn.Linear(inputs + width // 2, 1)

    def draw(self, rng: torch.Generator) -> None:
        """Draws all weights anew: uniform by the number of inputs of each layer, from this generator alone."""
        for name, parameter in self.named_parameters():
            bound = 0.0 if name.endswith("bias") else parameter.shape[1] ** -0.5
            with torch.no_grad():
                parameter.copy_((torch.rand(parameter.shape, generator=rng) * 2 - 1) * bound)

    def forward(self, first: torch.Tensor) -> torch.Tensor:
        """The logits of a batch (batch x inputs)."""
        crossed = first
        for layer in self.cross:
            crossed = first * layer(crossed) + crossed
        logits: torch.Tensor = self.out(torch.cat([crossed, self.deep(first)], dim=1))[:, 0]
        return logits


def train_network(
    inputs: NDArray[Any],
    labels: NDArray[np.bool_],
    settings: Mapping[str, Any],
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, NDArray[Any]], list[float]]:
    """Trains the network; returns its weights by name and the mean loss of each epoch."""
    rng = fixed(seed)
    first, wanted = torch.from_numpy(inputs), torch.from_numpy(labels.astype(np.float32))
    network = Network(first.shape[1], settings)
    network.draw(rng)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"], fused=True)

    def epoch() -> float:
        total = 0.0
        for order in torch.randperm(len(first), generator=rng).split(settings["batch"]):
            loss = nn.functional.binary_cross_entropy_with_logits(network(first[order]), wanted[order])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) * len(order)
        return total / len(first)

    steps = -(-len(first) // settings["batch"])
    epochs = max(settings["epochs"], -(-settings["least_steps"] // steps))
    losses = _Progress(network, optimizer, rng, checkpoint).train(epochs, epoch)
    return {name: p.detach().numpy() for name, p in network.named_parameters()}, losses
