"""The tests.

Some hundred processes are started in one run. Where Python is told to keep no compiled modules
beside their sources (``PYTHONDONTWRITEBYTECODE``), each of them would compile all that it imports,
which takes longer than most of them run; so they are kept in the virtual environment.
"""

import os
import sys
from pathlib import Path

if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(sys.prefix) / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
