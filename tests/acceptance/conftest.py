"""The built product, mirrors that it keeps, and web servers in front of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import fronts, worlds
from tests.acceptance.product import Mirror, Product, build_wheel
from tests.acceptance.serving import KINDS, Kind, serve
from tests.postgres import Postgres
from tests.sim.server import Server


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def product(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """An environment with the wheel in it."""
    return Product.install(wheel, tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="session")
def team() -> Iterator[Server]:
    """The team's upstream over HTTP; tests do not change it."""
    with Server(worlds.team_world()) as running:
        yield running


@pytest.fixture(scope="session")
def mirror(product: Product, team: Server, tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """The team's mirror, filled by one cycle; tests do not change it.

    Its database lies in the folder that is served, as earlier versions had it.
    """
    keys = worlds.configuration(team.url) | {"database": "sqlite:///data/pypisync.sqlite"}
    filled = Mirror(product, tmp_path_factory.mktemp("mirror"), keys)
    filled.sync()
    return filled


@pytest.fixture(scope="session")
def mirror_on_postgresql(
    product: Product, team: Server, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Mirror:
    """The same mirror with its catalog in PostgreSQL."""
    keys = worlds.configuration(team.url, postgres.fresh())
    filled = Mirror(product, tmp_path_factory.mktemp("mirror-postgresql"), keys)
    filled.sync()
    return filled


@pytest.fixture(scope="session")
def open_mirror(product: Product, team: Server, tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror of the same roots in which no variable of the environment is bound."""
    keys = worlds.configuration(team.url) | {"environment": {}, "wheels": "all"}
    filled = Mirror(product, tmp_path_factory.mktemp("mirror-open"), keys)
    filled.sync()
    return filled


@pytest.fixture(scope="session", params=[*KINDS, "product"])
def served(
    request: pytest.FixtureRequest, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the team's index, behind a server of each kind."""
    if request.param == "product":
        with fronts.product(mirror, tmp_path_factory.mktemp("serve")) as address:
            yield f"{address}/simple/"
        return
    kind: Kind = request.param
    with serve(mirror.tree, kind) as address:
        yield address


@pytest.fixture(scope="session")
def index(mirror: Mirror) -> Iterator[str]:
    """The address of the team's index in JSON, as most clients see it."""
    with serve(mirror.tree, "json") as address:
        yield address


@pytest.fixture(scope="session")
def upstream_index(team: Server) -> str:
    """The address of the upstream's own index."""
    return f"{team.url}/simple/"
