"""`python -m counterpoint`: the same as the command `counterpoint`."""

import os
import sys

# Without -P, Python puts the working folder first on the path, where a file difflib.py would shadow the library's.
if not sys.flags.safe_path and sys.path and sys.path[0] in {"", os.getcwd()}:  # noqa: PTH109 - nothing is imported yet
    del sys.path[0]

from counterpoint.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
