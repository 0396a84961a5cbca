"""Errors, by who must act.

A dependency conflict is not among them: it is a value with an explanation. An upstream error
concerns one project or one file; it is collected, and the cycle goes on. The others end it.
"""

from collections.abc import Mapping

EXIT_CODES: Mapping[int, str] = {
    0: "Done.",
    1: "Done, but something is held, failed or not as it should be.",
    2: "The configuration, or the command line, is wrong.",
    3: "Upstream cannot be reached, or is no index.",
    4: "Storage or database: disk full, permissions, another sync is running, wrong revision.",
    5: "A bundle cannot be used: damaged, incomplete, not signed as wanted, not the next one.",
    130: "Stopped by Ctrl-C (SIGINT); the next run goes on from there.",
    143: "Stopped by SIGTERM; the next run goes on from there.",
}
"""Every exit code of the commands and what it means; the reference is made from it."""


class PypiSyncError(Exception):
    """Anything that PypiSync raises on purpose; the text says what happened and what to do."""

    exit_code = 1


class ConfigError(PypiSyncError):
    """The operator must act: the configuration is wrong. ``faults`` holds one line a fault."""

    exit_code = 2

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[list[str]]]:
        """Returns what makes it in another process."""
        return type(self), (self.faults,)


class UpstreamError(PypiSyncError):
    """Upstream did not give what was asked for."""

    exit_code = 3


class Unreachable(UpstreamError):  # noqa: N818 - the name is the fact, as in "the host is ..."
    """No usable answer after all retries: try again next time."""


class NoRoom(Unreachable):
    """The disk lacks the room for this file: it is held, and tried again next time."""


class OverLimit(Unreachable):
    """More has come than one cycle may add: the file is left for the next one."""


class Refused(Unreachable):
    """The index wants other credentials, or does not let us see this (401, 403)."""


class ProxyRefused(Unreachable):
    """The proxy on the way lets nothing through: what it wants has to be configured."""


class Stopped(Unreachable):
    """The process was asked to end: what is done stays, and the next run goes on from there."""


class Gone(UpstreamError):  # noqa: N818
    """Upstream says that it does not exist (404). A fact, not a fault."""


class Elsewhere(UpstreamError):  # noqa: N818
    """The index sends us to another one. It does not have it, which proves no removal."""


class Stale(UpstreamError):  # noqa: N818
    """The document is older than the serial it is owed (a CDN lags): try again later."""


class Rewound(UpstreamError):  # noqa: N818
    """The newest serial is older than the one read last: upstream was restored or replaced."""


class NoFeed(UpstreamError):  # noqa: N818
    """The index answers, but tells no changes this way: a worse feed has to do."""


class Closed(NoFeed):
    """The index does not show its list to us (401, 403): credentials are missing or wrong."""


class Malformed(UpstreamError):  # noqa: N818
    """The answer breaks its standard, its size limit or its hash: that project is set aside."""


class BundleError(PypiSyncError):
    """A bundle cannot be made or used as it is; nothing was changed."""

    exit_code = 5


class StorageError(PypiSyncError):
    """The tree on disk cannot be read or written (disk full, permissions): stop."""

    exit_code = 4


class Busy(StorageError):  # noqa: N818
    """Another process writes to this mirror: ``who`` that is, and what to do about it."""

    def __init__(self, who: str, advice: str = "") -> None:
        super().__init__(f"{who}: {advice}" if advice else who)
        self.who = who
        self.advice = advice

    def __reduce__(self) -> tuple[type["Busy"], tuple[str, str]]:
        """Returns what makes it in another process."""
        return type(self), (self.who, self.advice)


class CatalogError(PypiSyncError):
    """The database cannot be used (wrong revision, connection lost): stop."""

    exit_code = 4


class Rejected(CatalogError):  # noqa: N818
    """The database refuses these values; it can be used for others."""
