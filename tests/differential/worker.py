"""pip as a process that installs or resolves one thing after another: a line of JSON in and out.

Starting pip costs more than what it does here.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from pip._internal.cli.main import main


def install(index: str, wanted: list[str], report: str, target: str | None) -> dict[str, object]:
    """Install what is ``wanted`` from ``index`` into ``target``, or only resolve it.

    Returns the pins, and what pip says.
    """
    where = ["--dry-run", "--ignore-installed"] if target is None else ["--target", target]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(
            [
                "install", "--isolated", "--no-cache-dir", "--no-input", "--no-compile",
                "--disable-pip-version-check", "--retries", "0", "--index-url", index,
                *where, "--quiet", "--report", report, *wanted,
            ]
        )  # fmt: skip
    if code:
        return {"pins": None, "said": said.getvalue()[-2000:]}
    stated = json.loads(Path(report).read_text(encoding="utf-8"))
    found = [one["metadata"] for one in stated["install"]]
    return {"pins": {one["name"]: one["version"] for one in found}, "said": ""}


if __name__ == "__main__":
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")  # pip may print
    for line in sys.stdin:
        out.write(json.dumps(install(*json.loads(line))) + "\n")
        out.flush()
