"""Real projects for the opt-in test: what is fetched, and how it gets into a simulated upstream.

They are fetched by the machine's ordinary pip with its ordinary configuration, each root by
itself, so that every root's own solution is there; once fetched, a folder serves any later run.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from tests.sim.world import World

# One line a root, as pip is asked for it. Of several lines of a project each gives a version.
ROOTS: tuple[str, ...] = (
    "django",
    "django<5",
    "requests",
    "requests<2.30",
    "flask",
    "flask<3",
    "pandas",
    "pandas<2.2",
    "boto3",
    "sphinx",
    "sphinx<8",
    "pytest",
    "pytest<8",
    "jupyterlab",
    "numpy",
    "sqlalchemy",
    "sqlalchemy<2",
    "fastapi",
    "pydantic",
    "pydantic<2",
    "celery",
    "black",
    "mypy",
    "poetry-core",
    "httpx",
    "aiohttp",
    "cryptography",
    "pillow",
    "click",
    "rich",
    "typer",
    "beautifulsoup4",
    "lxml",
    "scrapy",
    "matplotlib",
    "networkx",
    "redis",
    "psycopg[binary]",
    "uvicorn[standard]",
    "docopt",  # an sdist alone, and without a word on how it is built
)
# What a mirror needs and pip does not keep: what builds the sdists among them, and what other
# patch versions of this Python would need.
BESIDES = ("setuptools", "wheel", "async-timeout")
# Sdists beside their wheels, as upstream has them: a mirror passes over or takes them.
SDISTS = ("click", "idna", "requests")


def fetch(folder: Path) -> None:
    """Fetch everything that is not in ``folder`` yet. Raises CalledProcessError."""
    done = folder / "done"
    done.mkdir(parents=True, exist_ok=True)
    jobs = [[root] for root in (*ROOTS, *BESIDES)]
    jobs += [["--no-deps", "--no-binary", name, name] for name in SDISTS]

    def one(arguments: list[str]) -> None:
        mark = done / sha256(" ".join(arguments).encode()).hexdigest()[:16]
        if mark.exists():
            return
        place = folder / "by-root" / mark.name
        command = [sys.executable, "-m", "pip", "download", "-qq", "-d", str(place), *arguments]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        mark.touch()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, jobs))


def files(folder: Path) -> list[Path]:
    """The fetched files, each filename once, by project and version."""
    found = {path.name: path for path in sorted((folder / "by-root").glob("*/*"))}
    return sorted(found.values(), key=_order)


def _order(path: Path) -> tuple[object, ...]:
    try:
        name, version = parse_wheel_filename(path.name)[:2]
    except InvalidWheelFilename:
        try:
            name, version = parse_sdist_filename(path.name)
        except InvalidSdistFilename:
            raise AssertionError(f"{path.name} is neither a wheel nor an sdist") from None
        return name, version, 1
    return name, version, 0


def world(folder: Path) -> World:
    """An upstream that has them all."""
    made = World()
    for path in files(folder):
        made.add_real_file(path)
    return made
