"""The same upstream in another process: what makes it there, and what both have learnt."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from pypisync.core.wanted.assignment import Assignment
from pypisync.upstream.api import Upstream
from pypisync.upstream.client import HttpUpstream, Settings
from pypisync.upstream.faults import Told
from pypisync.upstream.indexes import Indexes
from pypisync.upstream.learnt import News


class Recipe(Struct, frozen=True):
    """What makes an upstream. It holds credentials, so it is told to nobody but that process."""

    indexes: tuple[tuple[str, Settings], ...]
    assignment: Assignment | None  # None: there is one index
    news: tuple[News, ...]  # that the indexes begin with

    def make(self, stop: Callable[[], bool], told: Told) -> HttpUpstream | Indexes:
        """Returns the upstream. Raises ConfigError for an endpoint that is no address."""
        made = [
            HttpUpstream(settings, name=name, stop=stop, told=told)
            for name, settings in self.indexes
        ]
        upstream = made[0] if self.assignment is None else Indexes(made, self.assignment)
        known = parts(upstream)
        for news in self.news:
            known[news.index].learn(news)
        return upstream


def recipe(upstream: Upstream) -> Recipe | None:
    """Returns what makes the same upstream; None: it works in this process only."""
    known = parts(upstream)
    if not known:
        return None
    indexes = tuple((name, index.settings) for name, index in known.items())
    news = tuple(one for index in known.values() for one in index.news())
    return Recipe(indexes, upstream.assignment if isinstance(upstream, Indexes) else None, news)


def parts(upstream: Upstream) -> Mapping[str, HttpUpstream]:
    """Returns the indexes of an upstream by name; none if one of them works here only."""
    found = upstream.all if isinstance(upstream, Indexes) else [upstream]
    known = [one for one in found if isinstance(one, HttpUpstream) and one.on_the_clock]
    return {one.name: one for one in known} if len(known) == len(found) else {}
