"""Puts the parts together as the configuration says."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pypisync.catalog.db.leader import Leadership, leading
from pypisync.catalog.db.migrate import exists
from pypisync.catalog.db.sqlite_file import url_of
from pypisync.catalog.db.transactions import Catalog
from pypisync.config.load import Config
from pypisync.core.budget import Budget
from pypisync.core.bundles import signatures
from pypisync.core.bundles.signatures import SigningKey, Trust, TrustedKey
from pypisync.core.environments.proof_targets import Machines
from pypisync.core.filters.file_rules import FilePolicy, Rules, fingerprint
from pypisync.cycle.mirror import Limits, Mirror, Silent, Watch
from pypisync.cycle.processes import Processes
from pypisync.errors import Busy, ConfigError, Stopped
from pypisync.storage import keys
from pypisync.storage.lock import holder, writer_lock
from pypisync.storage.pool import Pool
from pypisync.storage.tree import Tree
from pypisync.upstream.api import Upstream

_MOST_STEPS = 1_000_000


def rules(config: Config, now: float) -> Rules:
    """Returns what the configuration says of files and targets at this time (seconds since 1970).

    The proof targets follow the day: a Python that gets no fixes any more stands for none.
    """
    policy = FilePolicy(config.arch_exclude, config.wheels, config.sdists)
    machines, _ = config.machines(datetime.fromtimestamp(now, UTC).date())
    return Rules(config.targets, policy, config.policy, Machines(machines))


def follow_date(mirror: Mirror, config: Config) -> None:
    """Derive what depends on the date anew, as a process that starts now would."""
    derived = rules(config, mirror.now())
    if fingerprint(derived) != mirror.fingerprint:
        mirror.rules, mirror.fingerprint = derived, fingerprint(derived)
        mirror.settled = None


def cores(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Returns how many cores this process may use, at least 1.

    By its affinity, and by ``cpu.max`` of its control groups (cgroup v2), as containers and
    CPUQuota of systemd set it.
    """
    found = float(len(os.sched_getaffinity(0)))
    try:
        place = own.read_text(encoding="utf-8").rpartition("::/")[2].strip()
        folders = [groups / place, *(groups / place).parents]
        for folder in folders[: folders.index(groups) + 1]:
            with suppress(OSError, ValueError):
                quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
                found = min(found, int(quota) / int(period))
    except (OSError, ValueError):  # there are none
        pass
    return max(1, int(found))


def _budgets(config: Config, stop: Callable[[], bool]) -> Callable[[], Budget]:
    """Returns what one proof may cost; one that is under way ends when the cycle is to stop."""

    def clock() -> float:
        if stop():
            raise Stopped("stopped with proofs still to be made")
        return time.monotonic()

    return lambda: Budget(_MOST_STEPS, time.monotonic() + config.proof_budget, clock)


def signing_keys(config: Config) -> tuple[SigningKey, ...]:
    """Returns the keys that exports are signed with. Raises ConfigError."""
    return tuple(SigningKey(str(file), keys.read(file)) for file in config.bundles.sign)


def trust(config: Config, *, unsigned: bool = False) -> Trust:
    """Returns which bundles may be imported; ``unsigned``: also unsigned ones.

    Raises ConfigError for a key that cannot be used.
    """
    asked, trusted = config.bundles, []
    for one in asked.trusted:
        public = keys.read(one.file)
        identity = signatures.identity(public, str(one.file))
        trusted.append(TrustedKey(one.name, identity, public, one.expires))
    if len({one.identity for one in trusted}) < len(trusted):
        raise ConfigError(["bundles.trusted: it names one key twice, which would count twice"])
    return Trust(tuple(trusted), asked.threshold, unsigned or asked.unsigned)


def unusable_keys(config: Config) -> Iterator[str]:
    """Yields what is wrong with keys for bundles. One that cannot be read may be elsewhere now."""

    def signs(key: bytes, name: str) -> object:
        return signatures.sign(key, b"", name)

    of_others = [(one.file, signatures.identity) for one in config.bundles.trusted]
    own = [(file, signs) for file in config.bundles.sign]
    for file, used in (*of_others, *own):
        try:
            if os.access(file, os.R_OK):
                used(keys.read(file), str(file))
        except ConfigError as error:
            yield from error.faults


@contextmanager
def writing(config: Config, *, daemon: bool = False, instead: str = "") -> Iterator[Leadership]:
    """Returns a context that holds the right to write to the database and to the tree.

    ``instead``: what whoever is refused can do while a daemon has it, besides stopping that.
    Raises Busy if another process has it, StorageError, CatalogError.
    """
    with ExitStack() as stack:
        try:
            leadership = stack.enter_context(leading(config.database_url))
        except Busy as error:
            who = holder(config.destination)
            if instead and who is not None and who.daemon:
                raise Busy(error.who, f"{error.advice}; or {instead}") from None
            raise
        stack.enter_context(writer_lock(config.destination, daemon=daemon, instead=instead))
        yield leadership


@contextmanager
def open_mirror(
    config: Config,
    *,
    watch: Watch | None = None,
    dry: bool = False,
    stop: Callable[[], bool] = lambda: False,
    upstream: Upstream | None = None,
    instead: str = "",
) -> Iterator[Mirror]:
    """Returns a context with the mirror and the right to write.

    ``instead``: what whoever is refused can do while a daemon writes, besides stopping that.
    With ``dry`` nothing of the mirror is changed: the catalog undoes all, and what has to be read
    from files goes to a temporary folder; so does the catalog of a mirror that has none yet.
    Raises StorageError (another sync is running, the folder cannot be written), CatalogError, and
    ConfigError for an index that cannot be asked as the configuration says.
    """
    with ExitStack() as stack:
        if not dry:
            leadership = stack.enter_context(writing(config, instead=instead))
            parts = open_parts(config, leadership, watch=watch, stop=stop, upstream=upstream)
            yield stack.enter_context(parts)
            return
        # What is undone in the end is locked until then, so whoever writes would wait for it.
        stack.enter_context(leading(config.database_url))
        if config.destination.is_dir():
            stack.enter_context(writer_lock(config.destination))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pypisync-")))
        database = config.database_url
        if not exists(database):
            database = url_of(scratch / "catalog.sqlite")
        catalog = Catalog(database, dry=True)
        pool = Pool(scratch, reserve=0)
        yield stack.enter_context(_parts(config, catalog, pool, watch, stop, upstream))


@contextmanager
def open_parts(
    config: Config,
    leadership: Leadership,
    *,
    watch: Watch | None,
    stop: Callable[[], bool],
    upstream: Upstream | None = None,
    patient: bool = False,
) -> Iterator[Mirror]:
    """Returns a context with the mirror, for a caller that has the right to write.

    Raises CatalogError, and ConfigError for an index that cannot be asked as configured.
    """
    catalog = Catalog(config.database_url, fence=leadership.fence)
    pool = Pool(config.destination, reserve=config.disk_reserve)
    with _parts(config, catalog, pool, watch, stop, upstream) as mirror:
        mirror.patient = patient
        yield mirror


@contextmanager
def _parts(
    config: Config,
    catalog: Catalog,
    pool: Pool,
    watch: Watch | None,
    stop: Callable[[], bool],
    upstream: Upstream | None,
) -> Iterator[Mirror]:
    with ExitStack() as stack:
        stack.callback(catalog.close)
        catalog.prepare()
        watch = watch or Silent()
        if upstream is None:  # what asks none need not wait for requests
            from pypisync.wiring_upstream import open_upstream

            upstream = open_upstream(config, stop, watch.retry)
        stack.callback(upstream.close)
        derived = rules(config, time.time())
        processes = Processes(config.processes or cores(), partial(watch.fault, "processes"))
        stack.callback(processes.close)
        yield Mirror(
            upstream=upstream,
            catalog=catalog,
            pool=pool,
            tree=Tree(config.destination, flat=config.flat),
            packages=config.packages,
            patterns=config.patterns,
            groups=config.groups,
            rules=derived,
            fingerprint=fingerprint(derived),
            grace=config.grace,
            retention=config.retention,
            budget=_budgets(config, stop),
            processes=processes,
            limits=Limits(config.limits.projects, config.limits.bytes),
            removals=config.limits.removals,
            removals_share=config.limits.removals_share,
            dropped_share=config.limits.dropped_share,
            every=config.schedule.seconds or 0.0,
            now=time.time,
            configuration=config.digest,
            watch=watch,
        )
