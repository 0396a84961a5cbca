"""Real pip and real uv, installing a root or a group from one index into an empty folder."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion
from uv import find_uv_bin

from tests.acceptance.clients import clean_environment, run
from tests.differential.cases import Ask, Elsewhere

Pins = dict[str, str]
_INSTALLED = re.compile(r"^ \+ (\S+)==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What was installed, by project; None if nothing could be, and then what was said."""

    pins: Pins | None
    said: str = ""


class Clients:
    """Both of them, as one thread uses them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pip = subprocess.Popen(
            [sys.executable, "-m", "tests.differential.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(folder),
            cwd=Path(__file__).parents[2],
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pip.communicate()

    def install(self, client: str, index: str, ask: Ask, *, dry: bool = False) -> Outcome:
        """Install what is asked for, or only resolve it, with nothing known from before."""
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            wanted = _written(ask, Path(place))
            if client == "pip":
                target = None if dry else f"{place}/target"
                return self._by_pip(index, wanted, f"{place}/report", target)
            return _by_uv(index, wanted, Path(place), ask.elsewhere, dry=dry)

    def resolve(self, index: str, root: str) -> Outcome:
        """What pip would install, for the interpreter that runs the tests."""
        return self._by_pip(index, [root], str(self._folder / "report"), None)

    def _by_pip(
        self, index: str, wanted: Sequence[str], report: str, target: str | None
    ) -> Outcome:
        assert self._pip.stdin is not None
        assert self._pip.stdout is not None
        self._pip.stdin.write(json.dumps([index, wanted, report, target]) + "\n")
        self._pip.stdin.flush()
        found = json.loads(self._pip.stdout.readline())
        pins = found["pins"]
        return Outcome(None if pins is None else normal(pins.items()), found["said"])


def _written(ask: Ask, folder: Path) -> list[str]:
    """Returns the arguments for what is asked; a group is a file, as an operator has it."""
    if ask.key:
        return [*ask.lines]
    wanted, bounds = folder / "requirements.txt", folder / "constraints.txt"
    wanted.write_text("\n".join(ask.lines) + "\n", encoding="utf-8")
    bounds.write_text("\n".join(ask.constraints) + "\n", encoding="utf-8")
    return ["-r", str(wanted), "-c", str(bounds)]


def _by_uv(
    index: str, wanted: Sequence[str], folder: Path, elsewhere: Elsewhere | None, *, dry: bool
) -> Outcome:
    more = elsewhere.options if elsewhere else ()
    settings = dict(elsewhere.settings) if elsewhere else {}
    done = run(
        [
            find_uv_bin(), "pip", "install", *wanted, "--default-index", index, "--no-config",
            "--no-cache", "--target", "target", "--python", sys.executable, "--color", "never",
            *["--dry-run"] * dry, *more,
        ],
        folder,
        {"UV_HTTP_RETRIES": "0", **settings},
    )  # fmt: skip
    if done.returncode:
        return Outcome(None, done.stderr[-2000:])
    return Outcome(normal(_INSTALLED.findall(done.stderr)))


def normal(pins: object) -> Pins:
    """Returns pins with names and versions in their normal form."""
    found = {}
    for name, version in pins:  # type: ignore[attr-defined]
        with suppress(InvalidVersion):
            version = canonicalize_version(version)  # noqa: PLW2901 - the same in its normal form
        found[str(canonicalize_name(name))] = version
    return found
