"""The gates that are programs of their own: lint, format, types, and the direction of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_PROGRAMS = Path(sys.executable).parent
GATES = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    pytest.param(("mypy",), marks=pytest.mark.long),
    ("lint-imports",),
)


@pytest.mark.parametrize("gate", GATES, ids=" ".join)
def test_gate(gate: tuple[str, ...]) -> None:
    done = subprocess.run(
        [_PROGRAMS / gate[0], *gate[1:]],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
