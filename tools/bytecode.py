"""Compiles what steps import, by importing it: the first run of an environment then takes as long as the next one.

.venv-dagster/bin/python tools/bytecode.py
"""

from __future__ import annotations

import importlib
from contextlib import suppress

from counterpoint.runtime.forkserver import IMPORTED
from counterpoint.runtime.preload_cache import PRELOADED

if __name__ == "__main__":
    for name in (*IMPORTED, *PRELOADED):
        with suppress(ImportError):
            importlib.import_module(name)
