"""Training of the two towers against a textbook: examples per CPU second, each run in a process of its own.

The textbook is a DataLoader over a Dataset, dense embeddings and dense Adam, on two threads; architecture,
dimension, batch, loss and the share of dropped ids are ours. Its learning rate is the best of 0.001, 0.003, 0.01,
0.03 and 0.1 by its loss. Ours trains on one thread, to be bitwise the same everywhere; `alone` is the textbook on one,
for a second thread burns CPU while it waits, the more the busier the machine. Medians of interleaved runs, from arrays
to weights. Losses are means over the last epoch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamrec.retrieval import Pairs
    from streamrec.towers import Vocabularies

    Trained = tuple[dict[str, Any], list[float]]

LEAST = 2.0
THREADS = 2
USERS, ITEMS = 200_000, 50_000
DAYS = [f"2026-01-0{n}" for n in range(1, 8)]
ADAM_RATE = 0.03
_WARM = 2_000  # pairs to warm up with


def prepare(folder: Path, rows: int) -> None:
    """Writes a generated week."""
    from counterpoint.model import Partitions
    from streamrec.source import raw_interactions
    from streamrec.validation import validated_interactions

    source = f"synthetic:rows={rows},users={USERS},items={ITEMS},late=0,duplicates=0,bad=0"
    for day in map(Partitions().partition, DAYS):
        events = validated_interactions(raw_interactions(day, source).rows, day, {}, source).rows
        events.write_parquet(folder / f"{day.key}.parquet")


def run_ours(pairs: Pairs, words: Vocabularies, settings: dict[str, Any]) -> Trained:
    """What the pipeline does."""
    from streamrec.training import train_towers

    return train_towers(pairs, words, settings, 7)


def run_textbook(pairs: Pairs, words: Vocabularies, settings: dict[str, Any], threads: int = THREADS) -> Trained:
    """What tutorials do."""
    import numpy as np
    import torch

    from streamrec.training import softmax_loss

    torch.set_num_threads(threads)
    torch.manual_seed(7)
    counts = np.bincount(pairs.item, minlength=len(words.items)).astype(np.float32)
    log_q = torch.from_numpy((counts + 0.5) / (counts.sum() + 0.5 * len(counts))).log()
    network = textbook_towers(words, log_q, settings["dimension"])
    optimizer = torch.optim.Adam(network.parameters(), lr=ADAM_RATE)
    loader = torch.utils.data.DataLoader(textbook_dataset(pairs), batch_size=settings["batch"], shuffle=True)
    losses = []
    for _ in range(settings["epochs"]):
        total = 0.0
        for user, shares, item, category in loader:
            unknown = torch.rand(len(user)) < settings["unknown_rate"]
            loss = softmax_loss(network(user.masked_fill(unknown, 0), shares, item, category), item, log_q[item])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(item)
        losses.append(total / len(pairs.user))
    return {name.removesuffix(".weight"): p.detach().numpy() for name, p in network.named_parameters()}, losses


def textbook_towers(words: Vocabularies, log_q: Any, dimension: int) -> Any:
    """The same towers, of dense embeddings."""
    import torch
    from torch import nn

    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            parts = (words.users, words.items, words.categories)
            self.user, self.item, self.category = (nn.Embedding(len(part), dimension) for part in parts)
            self.bias = nn.Embedding.from_pretrained(log_q[:, None].clone(), freeze=False)  # type: ignore[no-untyped-call]
            self.taste = nn.Parameter(torch.randn(len(words.categories), dimension) * 0.05)
            for table in (self.user, self.item, self.category):
                nn.init.normal_(table.weight, std=0.05)

        def forward(self, user: Any, shares: Any, item: Any, category: Any) -> Any:
            users = self.user(user) + shares @ self.taste
            return users @ (self.item(item) + self.category(category)).T + self.bias(item)[:, 0]

    return Towers()


def textbook_dataset(pairs: Pairs) -> Any:
    """The pairs, one at a time."""
    import torch

    tastes = torch.from_numpy(pairs.tastes)

    class Examples(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(pairs.user)

        def __getitem__(self, n: int) -> Any:
            return pairs.user[n], tastes[pairs.taste[n]], pairs.item[n], pairs.category[n]

    return Examples()


RUNS: dict[str, Callable[..., Trained]] = {
    "textbook": run_textbook,
    "alone": partial(run_textbook, threads=1),
    "ours": run_ours,
}


def measured(name: str, folder: Path, epochs: int) -> dict[str, float]:
    """One training, in this process: examples, CPU and wall seconds, loss."""
    import polars as pl

    from counterpoint.model import Partitions
    from streamrec.examples import catalogue_of, positives_of
    from streamrec.features import daily_partials, training_features
    from streamrec.retrieval import DEFAULTS, pairs_of, vocabularies

    days = {key: pl.read_parquet(folder / f"{key}.parquet") for key in DAYS}
    today = Partitions().partition(DAYS[-1])
    features = training_features({key: daily_partials(rows) for key, rows in days.items()}, today)
    del days[today.key]
    positives = positives_of(days)
    words = vocabularies(positives, catalogue_of(features, today.day))
    pairs = pairs_of(positives, features, words)
    settings = {**DEFAULTS, "epochs": epochs}
    RUNS[name](replace(pairs, user=pairs.user[:_WARM]), words, settings)  # torch imports half of itself on first use
    cpu, wall = time.process_time(), time.perf_counter()
    _, losses = RUNS[name](pairs, words, settings)
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {"examples": len(pairs.user) * epochs, "loss": losses[-1], **spent}


def child(name: str, given: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One training in a process of its own."""
    options = ["--child", name, "--data", str(folder), "--epochs", str(given.epochs)]
    done = subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the child {name} failed: {done.stdout}{done.stderr}")
    return dict(json.loads(done.stdout))


def measure(given: argparse.Namespace, folder: Path) -> int:
    """Prints the ratio with its floor; the exit code is 1 when it is missed."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    for name in [*RUNS] * given.repeats:
        runs[name].append(child(name, given, folder))
    rates = {}
    for name, found in runs.items():
        rates[name], walls = (median(run["examples"] / run[clock] for run in found) for clock in ("cpu", "wall"))
        print(
            f"{name:8} {rates[name]:7,.0f} examples per CPU second, {walls:7,.0f} per second;"
            f" loss {found[0]['loss']:.3f} after {found[0]['examples']:,} examples (no floor)"
        )
    print(f"ours / textbook on one thread: {rates['ours'] / rates['alone']:.2f} (no floor)")
    print(f"ours / textbook, per CPU second: {(ratio := rates['ours'] / rates['textbook']):.2f} (at least {LEAST})")
    return int(ratio < LEAST)


def main() -> int:
    """Measures, or is one of the measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000, help="events a day")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, given.data, given.epochs)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), given.rows)
        return measure(given, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
