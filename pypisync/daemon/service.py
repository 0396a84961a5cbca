"""The daemon's main loop: who leads, what signals ask for, what systemd is told.

A daemon first gets the right to write; until then it stands by. In the lead it ticks once a second:
it takes a signal, starts what is due, sees that it still leads, and feeds the watchdog if the job
that runs gets on. Work is done in :mod:`pypisync.daemon.jobs`, in one other thread.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from signal import Signals
from typing import Any, Protocol

from pypisync.catalog.db.leader import Leadership, leading
from pypisync.catalog.db.setting_names import CONFIGURATION
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import runs
from pypisync.config.load import Config
from pypisync.cycle import maintenance
from pypisync.cycle.one_way import LOOK
from pypisync.cycle.work import PRUNE, REPAIR
from pypisync.daemon import signals
from pypisync.daemon.agenda import Agenda
from pypisync.daemon.jobs import Jobs
from pypisync.daemon.notify import Notifier
from pypisync.daemon.vitals import Vitals
from pypisync.errors import Busy, CatalogError, PypiSyncError, StorageError
from pypisync.logs import Lines
from pypisync.schedule import due
from pypisync.storage import orders
from pypisync.storage.exports import Exports
from pypisync.storage.lock import writer_lock
from pypisync.wiring import writing
from pypisync.wiring_upstream import check_upstream

_TICK = 1.0  # seconds
_LOOK = 5.0  # between two looks whether it still leads
_STAND_BY = 3.0  # between two tries to get the lead
_PATIENCE = 5.0  # that a job may take to stop


class SignalSource(Protocol):
    """Where signals come from."""

    def wait(self, seconds: float) -> Signals | None:
        """Returns the next signal, or None if none comes within ``seconds``."""


class Web(Protocol):
    """Who serves the mirror."""

    def serve(self, config: Config) -> str | None:
        """Serve this mirror from now on. Returns the address if it is new. Raises ConfigError."""

    def look(self) -> list[int]:
        """Replace what has ended by itself. Returns the exit codes."""


class Daemon:
    """One process. ``load`` reads the configuration anew; ``abandon`` ends the process at once."""

    def __init__(
        self,
        config: Config,
        load: Callable[[], Config],
        queue: SignalSource,
        notifier: Notifier,
        log: Any,
        *,
        web: Web,
        abandon: Callable[[int], object] = os._exit,
    ) -> None:
        self._config = config
        self._load = load
        self._queue = queue
        self._notifier = notifier
        self._log = log
        self._web = web
        self._abandon = abandon
        self._ending = False
        self._ready = False
        self._moved = False  # another folder or database than the one it leads
        self._trouble = ""  # why it does not lead; it is logged once
        self._look_at = 0.0
        self._orders: set[tuple[str, int]] = set()  # that it was asked to carry out

    def run(self) -> None:
        """Mirror until SIGTERM or SIGINT.

        Raises ConfigError, StorageError or CatalogError if the address, the folder or the database
        cannot be used from the start.
        """
        _check(self._config)
        self._log.info("started", pid=os.getpid(), schedule=self._config.schedule.text)
        self._serve(self._config)
        while not self._ending:
            self._moved = False
            with ExitStack() as stack:
                try:
                    leadership = stack.enter_context(writing(self._config, daemon=True))
                    self._lead(leadership)
                except PypiSyncError as error:
                    self._stand_by(error)
        self._notifier.stopping()
        self._log.info("ended")

    # -- standing by --

    def _stand_by(self, error: PypiSyncError) -> None:
        """Wait a little before the next try to get the lead."""
        trouble = str(error)
        if isinstance(error, Busy):
            self._be_ready()
            trouble = error.who  # to end that process is no advice to who waits for its end
        elif not self._ready:
            raise error
        if trouble != self._trouble:
            self._trouble = trouble
            self._log.info("standing_by", reason=self._trouble)
        self._notifier.status(f"standing by: {self._trouble}")
        self._notifier.alive()
        signal = self._wait(_STAND_BY)
        if signal in signals.END:
            self._stopping(signal)
        elif signal == signals.RELOAD:
            self._reload()

    # -- in the lead --

    def _lead(self, leadership: Leadership) -> None:
        lines = Lines(log=self._log)
        vitals = Vitals(lines, time.monotonic)
        jobs = Jobs(self._config, leadership, vitals, self._log, lines)
        agenda = Agenda()
        self._orders = set()
        try:
            self._plan(agenda, jobs)
            self._trouble = ""
            self._log.info("leading", next=_moment(agenda.next_run("sync")))
            self._be_ready()
            while not (self._ending or (self._moved and not vitals.doing)):
                self._tick(agenda, jobs, vitals)
                self._look(leadership)
                if self._moved:
                    vitals.tell_to_stop()
        finally:
            self._finish(vitals)
            agenda.shutdown()
            jobs.close()

    def _plan(self, agenda: Agenda, jobs: Jobs) -> None:
        """Put every job where the catalog's record says that it is due."""
        schedule, now = self._config.schedule, jobs.mirror.now()
        with jobs.mirror.catalog.begin() as connection:
            last = runs.last(connection)
            jobs.serial = pending.serial(connection) or 0
            used = pending.setting(connection, CONFIGURATION)
        self._note_refusal("")
        changed = used and used != self._config.digest
        if changed:
            self._log.info("reloaded", schedule=schedule.text)
        self._put_cycles(agenda, jobs, now if changed else due(schedule, last, now))
        if self._config.bundles.import_from is not None:
            return
        swept = min(maintenance.swept(jobs.mirror), now)
        agenda.every("sweep", jobs.sweep, maintenance.SWEEP_EVERY, swept + maintenance.SWEEP_EVERY)
        agenda.every("rehash", jobs.rehash, maintenance.REHASH_EVERY, now)

    def _put_cycles(self, agenda: Agenda, jobs: Jobs, first: float) -> None:
        """Put the cycles where the schedule says, from ``first`` (seconds since 1970) on.

        Between them it is looked for projects that are polled and whose moment has come.
        """
        schedule = self._config.schedule
        agenda.put("sync", jobs.sync, schedule.trigger(), first)
        self._put_bundles(agenda, jobs)
        if self._config.bundles.import_from is not None:
            agenda.drop("poll")
            return
        if schedule.slice is None:
            agenda.drop("poll")
        else:
            agenda.every("poll", jobs.poll, schedule.slice, jobs.mirror.now() + schedule.slice)

    def _put_bundles(self, agenda: Agenda, jobs: Jobs) -> None:
        """Put exports where their schedule says, and looks into the folder for bundles."""
        asked, now = self._config.bundles, jobs.mirror.now()
        for job in ("export", "import"):
            agenda.drop(job)
        if asked.export_to is not None:
            when = asked.export_schedule
            last = Exports(self._config.destination).last()
            # A clock that was wrong may have written the future.
            first = now if last is None else max(now, when.after(min(last[1], now)))
            agenda.put("export", jobs.export, when.trigger(), first)
        if asked.import_from is not None:
            agenda.every("import", jobs.import_new, LOOK, now)

    def _tick(self, agenda: Agenda, jobs: Jobs, vitals: Vitals) -> None:
        """Take one turn of the loop."""
        self._heed(agenda, jobs)
        agenda.tick()
        signal = self._wait(_TICK)
        if signal in signals.END:
            self._stopping(signal)
        elif signal == signals.RELOAD:
            before = self._config
            if self._reload() and not self._moved:
                self._take_up(agenda, jobs, before)
        elif signal == signals.SYNC:
            self._log.info("requested")
            agenda.bring_forward("sync", jobs.mirror.now())
        if jobs.damaged:
            jobs.damaged = False
            agenda.bring_forward("sync", jobs.mirror.now())
        while jobs.again:
            agenda.bring_forward(*jobs.again.popitem())
        doing = vitals.shown() or f"next sync {_moment(agenda.next_run('sync'))}"
        self._notifier.status(f"serial {jobs.serial}, {doing}")
        if vitals.well:
            self._notifier.alive()

    def _take_up(self, agenda: Agenda, jobs: Jobs, before: Config) -> None:
        """Have the jobs use a configuration that was read anew; one that differs at once."""
        jobs.configure(self._config)
        now = jobs.mirror.now()
        if self._config.digest == before.digest:
            first = min(agenda.next_run("sync"), self._config.schedule.after(now))
        else:
            first = now
        self._put_cycles(agenda, jobs, first)

    def _heed(self, agenda: Agenda, jobs: Jobs) -> None:
        """Have new orders carried out, also those that were given before this daemon led."""
        before = self._orders
        with suppress(StorageError):  # a cycle that cannot read them says so
            self._orders = orders.waiting(self._config.destination)
        new = {name for name, _ in self._orders - before}
        if not new:
            return
        self._log.info("requested", orders=", ".join(sorted(new)))
        if any(name.startswith((PRUNE, REPAIR)) for name in new):
            agenda.once("orders", jobs.work)
        if not all(name.startswith((PRUNE, REPAIR)) for name in new):
            agenda.bring_forward("sync", jobs.mirror.now())

    def _look(self, leadership: Leadership) -> None:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK
            try:
                leadership.check()
            except CatalogError as error:
                self._log.error("lost", reason=str(error))
                raise

    def _finish(self, vitals: Vitals) -> None:
        """Ask the running job to stop and wait five seconds, or until a second signal.

        Exiting after that is safe, because every point is crash-safe.
        """
        vitals.tell_to_stop()
        give_up = time.monotonic() + _PATIENCE
        while vitals.doing:
            signal = self._queue.wait(0.1)
            if (signal in signals.END and self._ending) or time.monotonic() > give_up:
                self._log.warning("abandoned", job=vitals.doing)
                self._abandon(0 if self._ending else 1)
                return
            self._ending |= signal in signals.END

    # -- both --

    def _be_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._notifier.ready()

    def _stopping(self, signal: Signals) -> None:
        self._ending = True
        self._notifier.stopping()
        self._log.info("stopping", signal=signal.name)

    def _wait(self, seconds: float) -> Signals | None:
        for code in self._web.look():
            self._log.error("replaced", code=code)
        return self._queue.wait(seconds)

    def _serve(self, config: Config) -> None:
        address = self._web.serve(config)
        if address is not None:
            self._log.info("serving", address=address)

    def _reload(self) -> bool:
        """Read the configuration anew, with the files that it names for its indexes.

        One that cannot be used is refused, and the old one stays.

        Another folder or database is taken up when the job that runs has come to a safe point.
        """
        try:
            config = self._load()
            check_upstream(config)
            moved = _place(config) != _place(self._config)
            if moved:
                _try(config, self._config)
            self._serve(config)
        except PypiSyncError as error:
            self._log.error("refused", reason=str(error))
            self._note_refusal(str(error))
            return False
        self._note_refusal("")
        self._config = config
        self._moved |= moved
        self._log.info("reloaded", schedule=config.schedule.text)
        return True

    def _note_refusal(self, reason: str) -> None:
        with suppress(StorageError):  # the log has it
            orders.refuse(self._config.destination, reason)


def _place(config: Config) -> tuple[object, ...]:
    return config.destination, config.database_url


def _check(config: Config) -> None:
    """See that the folder and the database can be used, as far as nobody else writes to them.

    Raises StorageError, CatalogError.
    """
    with suppress(Busy), writing(config, daemon=True):
        catalog = Catalog(config.database_url)
        try:
            catalog.prepare()
        finally:
            catalog.close()


def _try(config: Config, before: Config) -> None:
    """See that another folder or database can be used. Raises StorageError, CatalogError.

    One that another process writes to can: this one will stand by.
    """
    with suppress(Busy), ExitStack() as stack:
        if config.destination != before.destination:
            stack.enter_context(writer_lock(config.destination, daemon=True))
        if config.database_url != before.database_url:
            stack.enter_context(leading(config.database_url))
            catalog = Catalog(config.database_url)
            stack.callback(catalog.close)
            catalog.prepare()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
