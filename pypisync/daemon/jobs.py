"""What the daemon does when its time has come: a cycle, and slices of the slow rounds.

All of it runs in the one worker thread. A job never raises: what went wrong is in the log, once,
and in the catalog; the next time it is tried again. A new configuration is taken up between jobs.
"""

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from pypisync.catalog.db.leader import Leadership
from pypisync.config.load import Config
from pypisync.cycle import maintenance, one_way, poll
from pypisync.cycle.export import Export
from pypisync.cycle.sync import sync_once
from pypisync.cycle.work import cycle_told, do_ordered
from pypisync.errors import ConfigError, PypiSyncError, Stopped
from pypisync.logs import Lines
from pypisync.schedule import RETRY
from pypisync.wiring import follow_date, open_parts, signing_keys, trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pypisync.config.bundle_keys import BundlesConfig
    from pypisync.cycle.mirror import Mirror
    from pypisync.daemon.vitals import Vitals

_DAY = 86400.0  # seconds


class Jobs:
    """The jobs of one time in the lead.

    Each opens the mirror anew where the configuration has changed, and raises ConfigError and
    CatalogError where that fails.
    """

    def __init__(
        self, config: Config, leadership: Leadership, vitals: "Vitals", log: Any, lines: Lines
    ) -> None:
        self._wanted = self._open = config
        self._leadership = leadership
        self._vitals = vitals
        self._log = log
        self._lines = lines
        self._parts = ExitStack()
        self.again: dict[str, float] = {}  # jobs that failed, and when they are to run again
        self.serial = 0  # that was read last
        self._inbox: one_way.Inbox | None = None
        self._inbox_of: object = None  # the part of the configuration that it was made by
        self.damaged = False  # files were found broken, so a cycle should come soon
        self._day = 0.0  # for which the mirror's proof targets are right
        self.mirror = self._opened(config)

    def configure(self, config: Config) -> None:
        """Use this configuration from the next job on."""
        self._wanted = config

    def sync(self) -> None:
        """Run a cycle; where bundles feed the mirror, look for them."""
        if self._wanted.bundles.import_from is not None:
            self.import_new()
            return
        with self._job("sync") as begun:
            if begun:
                self._cycle()

    def export(self) -> None:
        """Export what is new since the last bundle.

        What it raises (BundleError, StorageError, CatalogError, ConfigError) is in the log. It
        comes again soon then, and also if nothing is published yet.
        """
        with self._job("export") as begun:
            asked = self._wanted.bundles
            if not begun or asked.export_to is None:
                return
            try:
                mirror = self._mirror()
                if one_way.is_published(mirror):
                    self._export(mirror, asked, asked.export_to)
                else:
                    self._retry("export")
            except Exception:
                self._retry("export")
                raise

    def _export(self, mirror: "Mirror", asked: "BundlesConfig", folder: "Path") -> None:
        keys = signing_keys(self._open)
        if not keys and not asked.unsigned:
            raise ConfigError(["bundles: no key to sign with, and unsigned is false"])
        how = Export(folder, None, asked.split, keys, asked.repeat)
        made = one_way.export_new(mirror, how)
        if made is not None:
            found = made[1]
            point = found.target
            self._log.info("exported", bundle=point.sequence, files=found.files, bytes=found.bytes)

    def import_new(self) -> None:
        """Import the bundles that have appeared in the folder for them."""
        with self._job("import") as begun:
            asked = self._wanted.bundles
            if not begun or asked.import_from is None:
                return
            mirror = self._mirror()
            if self._inbox is None or self._inbox_of is not asked:
                found = trust(self._open)
                self._inbox_of = asked
                self._inbox = one_way.Inbox(asked.import_from, found, asked.imported)
            for bundle, report in self._inbox.import_new(mirror):
                number = bundle.manifest.target.sequence
                self._log.info("imported", bundle=number, generation=report.generation)

    def poll(self) -> None:
        """Run a cycle if the moment of a polled project has come."""
        with self._job("poll") as begun:
            if begun and poll.someone_due(self._mirror()):
                self._cycle()

    def sweep(self) -> None:
        """Let the next cycle look at a slice of the projects."""
        with self._job("sweep") as begun:
            if begun:
                self._log.info("sweep", count=maintenance.sweep(self._mirror()))

    def rehash(self) -> None:
        """Read a slice of the stored files. Raises Malformed for a path that leaves the mirror."""
        with self._job("rehash") as begun:
            if not begun:
                return
            count, faults = maintenance.rehash(self._mirror(), self._step)
            for path, reason in faults.items():
                self._log.warning("damaged", path=path, reason=reason)
            if count:
                self._log.info("rehash", count=count, damaged=len(faults))
            self.damaged |= bool(faults)

    def work(self) -> None:
        """Do what operators have ordered besides cycles. Raises StorageError."""
        with self._job("orders") as begun:
            if begun:
                do_ordered(self._mirror())

    def close(self) -> None:
        """Let go of upstream and catalog."""
        self._parts.close()

    def _cycle(self) -> None:
        try:
            mirror = self._mirror()
            with cycle_told(mirror) as told:
                report = sync_once(mirror)
                told(report)
        except Stopped as error:
            self._lines.ended(error, "stopped")
        except PypiSyncError as error:
            self._lines.ended(error, "failed")
            self._retry("sync")
        except Exception:
            self._retry("sync")
            raise
        else:
            self.serial = report.serial
            self._lines.done(report)

    def _retry(self, job: str) -> None:
        self.again[job] = self.mirror.now() + RETRY

    def _mirror(self) -> "Mirror":
        if self._wanted is not self._open:
            self._parts.close()
            self.mirror, self._open = self._opened(self._wanted), self._wanted
        day = self.mirror.now() // _DAY
        if day != self._day:
            self._day = day
            follow_date(self.mirror, self._open)
        return self.mirror

    def _opened(self, config: Config) -> "Mirror":
        vitals = self._vitals
        return self._parts.enter_context(
            open_parts(config, self._leadership, watch=vitals, stop=vitals.stop, patient=True)
        )

    def _step(self) -> None:
        if self._vitals.stop():
            raise Stopped("stopped")

    @contextmanager
    def _job(self, name: str) -> "Iterator[bool]":
        """Yields whether to do the job at all, and logs what it raises."""
        if self._vitals.stop():
            yield False
            return
        self._vitals.begins(name)
        try:
            yield True
        except Stopped:
            self._log.info("stopped", job=name)
        except PypiSyncError as error:
            self._log.error("job", job=name, reason=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the next time may be better
            reason = "a fault of PypiSync: please report it"
            self._log.error("job", job=name, reason=reason, exc_info=True)
        finally:
            structlog.contextvars.clear_contextvars()
            self._vitals.begins("")
