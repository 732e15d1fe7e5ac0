"""What the carriers' service tells: which carrier is quick."""

import json
import os
from pathlib import Path


def carriers(folder) -> dict:
    token = os.environ["PARCELS_TOKEN"]
    told = json.loads((Path(folder) / "carriers.json").read_text())
    if told["token"] != token:
        raise PermissionError(f"the service refuses the token {token}")
    return told["quick"]
