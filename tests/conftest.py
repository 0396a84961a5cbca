"""What all tests share: a simulated upstream, databases, and how Hypothesis runs."""

import gc
import math
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from pypisync.core.standards.requires_python import FOLLOWED
from tests import compiled, temporary
from tests.postgres import Postgres
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("deep", settings.get_profile("default"), max_examples=2000)
# For mutation testing: whether anything fails is asked some thousand times, and never why.
settings.register_profile(
    "mutants",
    settings.get_profile("ci"),
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    database=None,
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


compiled.share()
temporary.use_memory()

# A suite in the background is started with SIGINT ignored; what its tests start must not be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A fifth more processes than cores: tests also wait, for processes, sockets and clocks."""
    return math.ceil(1.2 * len(os.sched_getaffinity(0)))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Thousands of tests are made, which stay: a search for garbage among them finds none."""
    gc.disable()
    try:
        _import_share(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # as the product has it


def _import_share(config: pytest.Config) -> None:
    """Import a part of the tests before the others, if all are run by several processes.

    In a fresh checkout none is compiled. Each process compiles a part, and finds the others'.
    """
    its: dict[str, Any] = getattr(config, "workerinput", {})
    here = Path(__file__).parent
    if not its or [Path(word).resolve() for word in config.args] != [here]:
        return
    paths = sorted(here.rglob("test_*.py"))
    for path in paths[int(its["workerid"].removeprefix("gw")) :: its["workercount"]]:
        with suppress(Exception):  # it is collected later, and then its error is told
            import_module(".".join(path.relative_to(here.parent).with_suffix("").parts))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is opt-in, unless ``-m`` speaks of it; what takes long begins first."""
    if "real" not in config.option.markexpr:
        left = [item for item in items if item.get_closest_marker("real")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    # A long test that begins last keeps one core busy while the others have nothing to do.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Say which installers are not the releases that PypiSync follows."""
    for name, followed in FOLLOWED.items():
        if version(name) != followed:
            terminalreporter.write_line(
                f"{name} {version(name)} is installed, PypiSync follows {followed}: CONTRIBUTING.md"
            )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The argument's name instead of a long value.

    pytest 8 spells out bytes. Packed at another second they differ from worker to worker, and
    then pytest-xdist refuses to run.
    """
    return argname if isinstance(val, (str, bytes)) and len(val) > 200 else None


@pytest.fixture
def world() -> World:
    """An empty index."""
    return World()


@pytest.fixture
def memory(world: World) -> MemoryUpstream:
    """The world as an upstream in memory."""
    return MemoryUpstream(world)


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    """The world over HTTP on the loopback."""
    with Server(world) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server; ``fresh`` and ``prepared`` return the URL of a new database."""
    with Postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database; a test that takes it runs on SQLite and on PostgreSQL.

    SQLite's is a file that is not there yet; PostgreSQL's has the catalog's tables, and no rows.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.prepared()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same without tables, for tests of how they come to be."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.fresh()
