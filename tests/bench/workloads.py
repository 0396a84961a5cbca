"""The workloads by name, and which of them are run where none is named."""

from collections.abc import Callable

from tests.bench.bundles import bundles
from tests.bench.closure import closure_large, closure_middle, closure_small, closure_whole
from tests.bench.document import document
from tests.bench.follow import follow
from tests.bench.index import full_index, full_patterns
from tests.bench.ingest import ingest
from tests.bench.initial import (
    initial_deep,
    initial_large,
    initial_late,
    initial_mixed,
    initial_small,
)
from tests.bench.measure import Setup
from tests.bench.pages import pages
from tests.bench.proof import proof
from tests.bench.publish import publish
from tests.bench.query import query
from tests.bench.report import Figures
from tests.bench.serve import serve
from tests.bench.startup import start_up
from tests.bench.ticks import increment, nothing_changed
from tests.bench.together import together

Workload = Callable[[Setup], Figures]

WORKLOADS: dict[str, Workload] = {
    "start-up": start_up,
    "initial-small": initial_small,
    "initial-mixed": initial_mixed,
    "initial-late": initial_late,
    "initial-deep": initial_deep,
    "initial-large": initial_large,
    "memory-together": together,
    "nothing-changed": nothing_changed,
    "increment": increment,
    "full-index": full_index,
    "full-patterns": full_patterns,
    "closure-5k": closure_small,
    "closure-50k": closure_middle,
    "closure-500k": closure_large,
    "closure-all": closure_whole,
    "proof": proof,
    "document": document,
    "ingest": ingest,
    "publish": publish,
    "query": query,
    "pages": pages,
    "serve": serve,
    "follow": follow,
    "bundles": bundles,
}
