"""Whether what is asked is an index at all: a new mirror has nothing to compare its answers with.

An address with a typo, a web site and a page that asks to log in answer as an index would that has
none of the projects. As long as no project was ever shown, and neither a feed of changes nor a list
of projects tells that there is an index, a cycle ends as upstream's fault. A mirror that has shown
projects is broken instead (:mod:`pypisync.cycle.vanishing`).
"""

from collections.abc import Mapping

from pypisync.catalog.facts import missing
from pypisync.core.standards.model import ENDPOINT
from pypisync.cycle.mirror import Mirror
from pypisync.errors import Stopped, Unreachable, UpstreamError
from pypisync.upstream.api import ChangeFeed


def recognise(mirror: Mirror) -> None:
    """Raises Unreachable if nothing shows that there is an index; asks at most for its list."""
    feeds = mirror.upstream.feeds
    if any(feed.kind != "polling" for feed in feeds):
        return
    with mirror.catalog.begin() as connection:
        denied = missing.never_shown(connection)
    if not denied:
        return
    reasons = [_doubt(feed, denied) for feed in feeds]
    if "" in reasons:
        return
    example = next((reason for reason in denied.values() if reason), "")
    raise Unreachable(
        f"no project could be read (asked for: {len(denied)}), and nothing shows that there is an "
        f"index: {'; '.join(reasons)}" + (f"; {example}" if example else "")
    )


def _doubt(feed: ChangeFeed, denied: Mapping[str, str]) -> str:
    """Returns why this may be no index, and what to do; "" if its list shows that it is one."""
    try:
        listed = feed.names()
    except UpstreamError as error:
        if isinstance(error, Stopped):
            raise
        said = str(error)
    else:
        if listed and (listed.keys() & denied.keys() or not any(denied.values())):
            return ""
        said = f"{feed.address} lists none of them"
    if feed.name == ENDPOINT:
        return (
            f'{said}; check the endpoint: it is an address without "/simple/", which is appended '
            "to it, and an index whose pages lie elsewhere belongs into indexes"
        )
    return (
        f"{said}; check the address of the index {feed.name!r}: only the names of projects are "
        "appended to it"
    )
