"""Runs a command of the product and says what it wrote: ``python -m tests.bench.probe FILE ...``.

Looking costs time, so this is for counting only. FILE gets the number of rows changed and of
transactions committed.
"""

import json
import sqlite3
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, event

from pypisync.cli.app import app


def main() -> None:
    """Run the command, counting."""
    out, arguments = Path(sys.argv[1]), sys.argv[2:]
    seen: Counter[str] = Counter()

    @event.listens_for(Engine, "commit")
    def on_commit(_: object) -> None:
        seen["commits"] += 1

    @event.listens_for(Engine, "close")
    def on_close(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            seen["rows"] += connection.total_changes

    try:
        app(arguments, standalone_mode=False)
    finally:
        out.write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
