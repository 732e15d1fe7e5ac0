import json
from pathlib import Path


def notify(outcomes, idempotency_key, outbox, partition) -> None:
    failed = {name: outcome.message for name, outcome in outcomes.items() if outcome.status == "failed"}
    with Path(outbox).open("a") as file:
        file.write(json.dumps({"key": idempotency_key, "day": partition.key, "failed": failed}) + "\n")
