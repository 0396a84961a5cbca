"""What clients ask for is kept for the next one, in a room that is bounded."""

import os
from pathlib import Path

import pytest

from pypisync.web import generations, pages, rates
from pypisync.web.generations import Generations, RenderedPage
from pypisync.web.rates import Rates


def test_pages_that_were_asked_for_last_are_kept(tmp_path: Path) -> None:
    cache = pages.Cache(tmp_path, room=16_000)
    names = [("simple", f"p{i:02}", "index.html") for i in range(40)]
    for parts in names:
        place = tmp_path.joinpath(*parts)
        place.parent.mkdir(parents=True)
        place.write_bytes(bytes(1000))
        os.utime(place, (1, 1))  # it is not being written
        page = pages.read(tmp_path, parts)
        assert page is not None
        cache.keep(parts, page)
        assert cache.get(names[0]) is not None  # it is asked for again and again
        assert cache._used <= 16_000
    kept = [parts for parts in names if cache.get(parts) is not None]
    assert len(kept) > 4
    assert kept == [names[0], *names[-len(kept) + 1 :]]


def test_so_are_those_of_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "_NAMES", 3)
    past = Generations("sqlite://", room=16_000)
    keys: list[generations.Key] = [(1, f"p{i:02}", True, False) for i in range(40)]
    for key in keys:
        past._keep(key, RenderedPage(bytes(1000), "etag"))
        assert past._get(keys[0]) is not None
        assert past._used <= 16_000
    kept = [key for key in keys if past._get(key) is not None]
    assert len(kept) > 4
    assert kept == [keys[0], *keys[-len(kept) + 1 :]]
    for number in range(5):
        past._remember(str(number), number)
    assert [past._number(str(number)) for number in (1, 2, 4)] == [
        (False, None), (True, 2), (True, 4)
    ]  # fmt: skip


def test_so_many_clients_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_CLIENTS", 3)
    calls = Rates(1, lambda: 0.0)
    for client in "abcd":
        assert calls.call(client)[0] == 0
    assert calls.call("d")[0] > 0
    assert calls.call("a")[0] == 0  # it has been quiet for longest, and is forgotten
