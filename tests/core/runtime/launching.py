"""A step that starts programs, as one does that runs spark-submit or dbt; what it starts writes its process id."""

from __future__ import annotations

import subprocess
from pathlib import Path

from counterpoint.model import Pipeline, step

TELLS = 'echo $$ > "$0.part"; mv "$0.part" "$0"; exec sleep 600'
BELOW = f"sh -c '{TELLS}' \"$0\" & wait"


@step()
def launches(folder):
    def program(name, command=TELLS, **options):
        return subprocess.Popen(["sh", "-c", command, str(Path(folder, name))], **options)

    program("daemon", start_new_session=True)
    program("grandchild", BELOW)
    return program("program").wait()


@step()
def leaves(folder):
    subprocess.Popen(["sh", "-c", TELLS, str(Path(folder, "program"))], start_new_session=True)
    while not Path(folder, "program").exists():
        pass
    return "well"


pipeline = Pipeline("launching", (launches,), config={"folder": ""})
leaving = Pipeline("leaving", (leaves,), config={"folder": ""})
