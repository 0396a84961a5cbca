"""One site for the tests that change nothing, and empty folders for the others."""

from collections.abc import Iterator

import pytest

from tests.web.sites import Site, small_world


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A synced site, running; tests do not change it."""
    made = Site(tmp_path_factory.mktemp("site"), small_world())
    made.bench.sync()
    with made.running():
        yield made
