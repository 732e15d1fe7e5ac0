"""`python -m counterpoint`: the same as the command `counterpoint`."""

from __future__ import annotations

import sys

from counterpoint.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
