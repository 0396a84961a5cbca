"""The mirror in figures, for Prometheus (text format 0.0.4, or OpenMetrics for who asks for it).

The catalog is asked when the figures are; only the requests answered are counted along the way.
Points in time are given as such, seconds since 1970, not as ages: an age would be wrong by the
interval of scraping, and ``time() - x`` gives it.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pypisync.catalog.answers import Run, Status
from pypisync.web.counts import Counts
from pypisync.web.health import Health


class Metrics:
    """All figures, whichever serving process is asked."""

    def __init__(self, health: Health, counts: Counts) -> None:
        self.count = counts.add  # a request was answered
        self._registry = CollectorRegistry()
        self._registry.register(_Mirror(health, counts))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The figures and their Content-Type. Waits for the database."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Mirror(Collector):
    """The figures that the catalog holds."""

    def __init__(self, health: Health, counts: Counts) -> None:
        self._health = health
        self._counts = counts

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        reading = self._health.read()
        yield _gauge("catalog_up", "1 if the catalog can be read.", reading.status is not None)
        ready = not self._health.unready(reading)
        yield _gauge("ready", "1 if the mirror is ready, as /readyz says.", ready)
        if reading.status is not None:
            yield from _figures(reading.status)
        ahead = reading.outlook
        if ahead is not None and ahead.lag_serials is not None:
            what = "Serials from the oldest change that is still owed to the newest that is known."
            yield _gauge("lag_serials", what, ahead.lag_serials)
        if ahead is not None and ahead.read_at is not None:
            what = "When upstream's changes were last read."
            yield _gauge("read_timestamp_seconds", what, ahead.read_at)
        requests = CounterMetricFamily(
            "pypisync_http_requests",
            "Requests answered, by what was asked for and by HTTP status.",
            labels=("kind", "status"),
        )
        for kind, status, count in self._counts.sums():
            requests.add_metric((kind, str(status)), count)
        yield requests


def _figures(found: Status) -> Iterator[GaugeMetricFamily]:
    if found.serial is not None:
        yield _gauge("serial", "Upstream's serial up to which changes are known.", found.serial)
    if found.generation:
        number, serial, at, _ = found.generation
        yield _gauge("generation", "Number of the published generation.", number)
        yield _gauge("generation_serial", "Serial at which it was published.", serial)
        yield _gauge("generation_timestamp_seconds", "When it was published.", at)
    what = "1 if the index stays at a generation, as an operator ordered."
    yield _gauge("frozen", what, found.frozen is not None)
    for noun, count in found.listed.items():
        what = "bytes of the files" if noun == "bytes" else noun
        yield _gauge(f"listed_{noun}", f"How many {what} the pages list.", count)
    pending = found.pending
    projects = pending.projects if pending else 0
    failing = pending.failing if pending else 0
    yield _gauge("pending_projects", "Projects whose document is still owed.", projects)
    yield _gauge("failing_projects", "Those of them that were tried in vain.", failing)
    yield _gauge("held_releases", "Releases that are held back.", found.held)
    yield _gauge("unmet_requirements", "Requirements that nothing upstream meets.", found.unmet)
    barred = GaugeMetricFamily(
        "pypisync_barred_files", "Files that the policy bars, by the rule.", labels=("rule",)
    )
    for rule, number in found.barred_by.items():
        barred.add_metric((rule,), number)
    yield barred
    what = "Releases in the mirror with a known vulnerability, if the policy looks at them."
    yield _gauge("vulnerable_releases", what, found.vulnerable)
    proofs = GaugeMetricFamily(
        "pypisync_proofs",
        "Pairs of a root or group and a machine, by the verdict whether it installs there.",
        labels=("verdict",),
    )
    for verdict, number in found.proofs.counts.items():
        proofs.add_metric((verdict,), number)
    yield proofs
    waiting = found.proofs.waiting
    yield _gauge("unpublished_proofs", "Roots whose newest pins are not all listed yet.", waiting)
    yield from _runs(found)


def _runs(found: Status) -> Iterator[GaugeMetricFamily]:
    ends: tuple[tuple[str, str, Run | None], ...] = (
        ("good_run", "When the last cycle without a fault ended.", found.good),
        ("completed_run", "When the last cycle ended that got to its end.", found.completed),
    )
    for name, what, run in ends:
        if run is not None and run.finished is not None:
            yield _gauge(f"{name}_timestamp_seconds", what, run.finished)
    last = found.finished
    if last is None or last.finished is None:
        return
    yield _gauge("run_failed", "What failed in the last finished cycle.", len(last.failed))
    took = last.finished - last.started
    yield _gauge("run_duration_seconds", "How long the last finished cycle took.", took)
    steps = GaugeMetricFamily(
        "pypisync_run_step_duration_seconds",
        "How long each step of the last finished cycle took.",
        labels=("step",),
    )
    for step, seconds in last.seconds.items():
        steps.add_metric((step,), seconds)
    yield steps
    answers = GaugeMetricFamily(
        "pypisync_run_answers",
        "How upstream answered in the last finished cycle.",
        labels=("kind", "outcome"),
    )
    for answer, count in last.answers.items():
        kind, _, outcome = answer.partition(" ")
        answers.add_metric((kind, outcome), count)
    yield answers


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pypisync_{name}", what, value=float(value))
