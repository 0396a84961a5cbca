"""The metrics, for Prometheus (text format 0.0.4, or OpenMetrics if the client accepts it).

The catalog is read when a client asks; only requests are counted as they come. Points in time are
seconds since 1970, not ages: an age would be wrong by the interval of scraping, and ``time() - x``
gives it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pypisync.catalog.queries.status import Run, Status
from pypisync.status import Outlook
from pypisync.version import own_version
from pypisync.web.counts import Counts
from pypisync.web.health import Health

METRICS: Mapping[str, str] = {
    "pypisync_catalog_up": "1 if the database can be read.",
    "pypisync_ready": "1 if the mirror is ready, as /readyz says.",
    "pypisync_build_info": "1, with the version of PypiSync as its label.",
    "pypisync_free_bytes": "Bytes that are free on the disk of the mirror.",
    "pypisync_configuration_refused": "1 if the daemon does not use the configuration as it is.",
    "pypisync_serial": "Upstream's serial up to which changes are known.",
    "pypisync_lag_serials": "Serials from the oldest change that is still owed to the newest that "
    "is known; 0 if nothing is owed.",
    "pypisync_read_timestamp_seconds": "When upstream's changes were last read to the end: what "
    "came later is not known yet.",
    "pypisync_generation": "Number of the published generation.",
    "pypisync_generation_serial": "Serial at which it was published.",
    "pypisync_generation_timestamp_seconds": "When it was published.",
    "pypisync_frozen": "1 if the index stays at a generation, after a rollback.",
    "pypisync_exported_bundle": "Number of the bundle that was written last, if any was.",
    "pypisync_exported_timestamp_seconds": "When it was written.",
    "pypisync_bundle": "Number of the bundle that was imported last, if bundles feed the mirror.",
    "pypisync_bundle_made_timestamp_seconds": "When it was exported: what came later is not known.",
    "pypisync_bundle_imported_timestamp_seconds": "When it was imported.",
    "pypisync_bundle_refused": "1 if what lies in the daemon's folder cannot be imported.",
    "pypisync_listed_projects": "Projects that the pages list.",
    "pypisync_listed_releases": "Releases that the pages list.",
    "pypisync_listed_files": "Files that the pages list.",
    "pypisync_listed_bytes": "Bytes of these files.",
    "pypisync_index_projects": "Projects that the pages list, by the index that they are from.",
    "pypisync_feed": "1 for how each index tells its changes: changelog, serials or polling.",
    "pypisync_index_broken": "1 if upstream denies more projects than limits allow, so that "
    "nothing is removed.",
    "pypisync_pending_projects": "Projects whose document is still owed.",
    "pypisync_failing_projects": "Those of them that were tried in vain.",
    "pypisync_held_releases": "Releases that are held back.",
    "pypisync_unmet_requirements": "Requirements that nothing read upstream meets.",
    "pypisync_barred_files": "Files that the policy bars, by rule: a key of the policy, or undated "
    "where upstream tells no upload time.",
    "pypisync_vulnerable_releases": "Releases in the mirror with a known vulnerability, if the "
    "policy looks at them.",
    "pypisync_proofs": "Pairs of a root or group and a machine, by the verdict whether it installs "
    "there.",
    "pypisync_unpublished_proofs": "Roots whose newest pins are not all listed yet.",
    "pypisync_unsure_proofs": "Proven pairs for which pip or uv may come to other pins from the "
    "mirror: what they examine on the way takes too much room, or their own search too long.",
    "pypisync_good_run_timestamp_seconds": "When the last cycle without a fault ended.",
    "pypisync_completed_run_timestamp_seconds": "When the last cycle ended that got to its end, "
    "with or without faults.",
    "pypisync_run_failed": "Projects and files that failed in the last finished cycle.",
    "pypisync_run_duration_seconds": "How long the last finished cycle took.",
    "pypisync_run_step_duration_seconds": "How long each step of the last finished cycle took.",
    "pypisync_run_answers": "How upstream answered in the last finished cycle, by kind (changelog, "
    "project, release, vulnerabilities, metadata, file) and outcome.",
    "pypisync_http_requests_total": "Requests answered, by kind (index, project, file, metadata, "
    "page for people, legacy for the JSON API, xmlrpc and others) and HTTP status.",
}
"""Every metric and what it says; the reference is made from it."""


class Metrics:
    """All metrics; every serving process gives the same."""

    def __init__(self, health: Health, counts: Counts) -> None:
        self.count = counts.add  # counts a request
        self._registry = CollectorRegistry()
        self._registry.register(_Mirror(health, counts))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Returns the metrics and their Content-Type. Waits for the database."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Mirror(Collector):
    """The metrics that are read from the catalog."""

    def __init__(self, health: Health, counts: Counts) -> None:
        self._health = health
        self._counts = counts

    def describe(self) -> list[Metric]:
        """Returns nothing, so that registering reads no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yields the current metrics."""
        reading = self._health.read()
        yield _gauge("catalog_up", reading.status is not None)
        yield _gauge("ready", not self._health.unready(reading))
        if reading.status is not None:
            yield from _figures(reading.status)
        yield _gauges("build_info", ("version",), [((own_version(),), 1.0)])
        ahead = reading.outlook
        if ahead is not None:
            yield from _machine(ahead)
        if ahead is not None and ahead.lag_serials is not None:
            yield _gauge("lag_serials", ahead.lag_serials)
        if ahead is not None and ahead.read_at is not None:
            yield _gauge("read_timestamp_seconds", ahead.read_at)
        what = METRICS["pypisync_http_requests_total"]
        labels = ("kind", "status")
        requests = CounterMetricFamily("pypisync_http_requests", what, labels=labels)
        for kind, status, count in self._counts.sums():
            requests.add_metric((kind, str(status)), count)
        yield requests


def _machine(ahead: Outlook) -> Iterator[GaugeMetricFamily]:
    if ahead.free_bytes is not None:
        yield _gauge("free_bytes", ahead.free_bytes)
    yield _gauge("configuration_refused", ahead.refused is not None)
    if ahead.exported is not None:
        yield _gauge("exported_bundle", ahead.exported[0])
        yield _gauge("exported_timestamp_seconds", ahead.exported[1])


def _figures(found: Status) -> Iterator[GaugeMetricFamily]:
    if found.serial is not None:
        yield _gauge("serial", found.serial)
    if found.generation:
        number, serial, at, _ = found.generation
        yield _gauge("generation", number)
        yield _gauge("generation_serial", serial)
        yield _gauge("generation_timestamp_seconds", at)
    yield _gauge("frozen", found.frozen is not None)
    if found.bundle is not None or found.refusal:
        yield _gauge("bundle_refused", bool(found.refusal))
    if found.bundle is not None:
        yield _gauge("bundle", found.bundle.bundle)
        yield _gauge("bundle_made_timestamp_seconds", found.bundle.made)
        yield _gauge("bundle_imported_timestamp_seconds", found.bundle.imported)
    for noun, count in found.listed.items():
        yield _gauge(f"listed_{noun}", count)
    yield _gauges("index_projects", ("index",), _single(found.indexes))
    yield _gauges("feed", ("index", "kind"), ((pair, 1.0) for pair in found.feeds.items()))
    yield _gauge("index_broken", found.broken is not None)
    pending = found.pending
    yield _gauge("pending_projects", pending.projects if pending else 0)
    yield _gauge("failing_projects", pending.failing if pending else 0)
    yield _gauge("held_releases", found.held)
    yield _gauge("unmet_requirements", found.unmet)
    yield _gauges("barred_files", ("rule",), _single(found.barred_by))
    yield _gauge("vulnerable_releases", found.vulnerable)
    yield _gauges("proofs", ("verdict",), _single(found.proofs.counts))
    yield _gauge("unpublished_proofs", found.proofs.waiting)
    yield _gauge("unsure_proofs", found.proofs.unsure)
    yield from _runs(found)


def _runs(found: Status) -> Iterator[GaugeMetricFamily]:
    ends: tuple[tuple[str, Run | None], ...] = (
        ("good_run", found.good),
        ("completed_run", found.completed),
    )
    for name, run in ends:
        if run is not None and run.finished is not None:
            yield _gauge(f"{name}_timestamp_seconds", run.finished)
    last = found.finished
    if last is None or last.finished is None:
        return
    yield _gauge("run_failed", len(last.failed))
    yield _gauge("run_duration_seconds", last.finished - last.started)
    yield _gauges("run_step_duration_seconds", ("step",), _single(last.seconds))
    outcomes = ((answer.partition(" ")[::2], count) for answer, count in last.answers.items())
    yield _gauges("run_answers", ("kind", "outcome"), outcomes)


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    full = f"pypisync_{name}"
    return GaugeMetricFamily(full, METRICS[full], value=float(value))


def _gauges(
    name: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    full = f"pypisync_{name}"
    family = GaugeMetricFamily(full, METRICS[full], labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _single(values: Mapping[str, float]) -> Iterable[tuple[Sequence[str], float]]:
    return (((label,), value) for label, value in values.items())
