"""Puts the parts together as the configuration says."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pypisync.catalog.catalog import Catalog
from pypisync.catalog.facts import Rules
from pypisync.catalog.migrate import exists
from pypisync.config import Config
from pypisync.core.environments import fingerprint
from pypisync.core.keep import FilePolicy
from pypisync.mirror import Mirror, Silent, Watch
from pypisync.storage.lock import writer_lock
from pypisync.storage.pool import Pool
from pypisync.storage.publish import Tree
from pypisync.upstream.api import Upstream
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.routes import Settings


def open_upstream(config: Config, stop: Callable[[], bool]) -> HttpUpstream:
    """The client for the configured upstream."""
    asked = config.upstream
    settings = Settings(
        endpoint=config.endpoint,
        workers=asked.workers,
        timeout=asked.timeout,
        retries=asked.retries,
        proxy=asked.proxy,
        ca_file=asked.ca_file,
        contact=asked.contact,
        pace=asked.pace,
    )
    return HttpUpstream(settings, stop=stop)


def rules(config: Config) -> Rules:
    """What the configuration says of files and targets."""
    policy = FilePolicy(config.arch_exclude, config.wheels, config.sdists)
    return Rules(config.targets, policy)


@contextmanager
def open_mirror(
    config: Config,
    *,
    watch: Watch | None = None,
    dry: bool = False,
    stop: Callable[[], bool] = lambda: False,
    upstream: Upstream | None = None,
) -> Iterator[Mirror]:
    """The mirror, with the writer's lock held.

    With ``dry`` nothing of the mirror is changed: the catalog undoes all, and what has to be read
    from files goes to a temporary folder; so does the catalog of a mirror that has none yet.
    Raises StorageError (another sync is running, the folder cannot be written) and CatalogError.
    """
    with ExitStack() as stack:
        database, root = config.database_url, config.destination
        if not dry or root.is_dir():
            stack.enter_context(writer_lock(root))
        if dry:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="pypisync-"))
            root = Path(scratch)
            if not exists(database):
                database = f"sqlite:///{root / 'catalog.sqlite'}"
        catalog = Catalog(database, dry=dry)
        stack.callback(catalog.close)
        catalog.prepare()
        pool = Pool(root, reserve=0 if dry else config.disk_reserve)
        upstream = upstream or open_upstream(config, stop)
        stack.callback(upstream.close)
        derived = rules(config)
        yield Mirror(
            upstream=upstream,
            catalog=catalog,
            pool=pool,
            tree=Tree(config.destination, flat=config.flat),
            roots=config.roots,
            patterns=config.patterns,
            rules=derived,
            fingerprint=f"{fingerprint(config.targets)} {derived.policy!r}",
            grace=config.grace,
            now=time.time,
            watch=watch or Silent(),
        )
