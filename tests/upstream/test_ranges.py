"""METADATA out of wheels of which only parts are fetched, whatever a host makes of ranges."""

import io
import random
import re
import zipfile
from collections.abc import Callable
from functools import partial

import pytest

from pypisync.errors import Malformed, Unreachable, UpstreamError
from pypisync.storage.archives import metadata_inside
from pypisync.upstream.api import FileAsk, PartsAsk
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.ranges import TAIL
from tests.sim.asks import asked
from tests.upstream.conftest import Connect, Time
from tests.upstream.scripted import Answer, Asked, Scripted

METADATA = b"Metadata-Version: 2.1\nName: spam\nVersion: 1.0\nRequires-Dist: egg\n" + b"x" * 3000
NAME = "spam-1.0-py3-none-any.whl"


def wheel(ballast: int = 0, members: int = 0, *, first: bool = False) -> bytes:
    """A wheel with METADATA at its end or ``first``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        parts = [("spam-1.0.dist-info/METADATA", METADATA)]
        parts += [(f"spam/a_rather_long_name_{n}.py", b"") for n in range(members)]
        parts += [("spam/ballast", random.Random(0).randbytes(ballast))]
        for name, data in parts if first else reversed(parts):
            archive.writestr(name, data)
    return stream.getvalue()


def served(data: bytes, counts: list[int]) -> Callable[[Asked], Answer]:
    """The file in ranges, as PyPI serves it: none that count from the end."""

    def tell(asked: Asked) -> Answer:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
        if match is None:
            return Answer(501 if "range" in asked.headers else 200, data)
        start, stop = int(match[1]), min(int(match[2]) + 1, len(data))
        counts.append(stop - start)
        stated = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
        return Answer(206, data[start:stop], stated)

    return tell


def peek(upstream: HttpUpstream, url: str, size: int | None) -> bytes | UpstreamError | None:
    return asked(upstream, PartsAsk(FileAsk(url, f"pool/{NAME}", "", size), metadata_inside))


@pytest.mark.parametrize(
    ("make", "stated", "requests", "most"),
    [
        (wheel, True, 1, 5_000),
        (wheel, False, 1, 5_000),
        (partial(wheel, 5_000_000), True, 1, TAIL),
        (partial(wheel, 5_000_000), False, 2, TAIL + 20_000),
        (partial(wheel, 5_000_000, first=True), True, 2, TAIL + 20_000),
        (partial(wheel, 1_000_000, 2000), True, 2, 300_000),
        (partial(wheel, 1_000_000, 2000, first=True), True, 3, 300_000),
    ],
)
def test_few_bytes_are_enough(
    server: Scripted,
    connect: Connect,
    make: Callable[[], bytes],
    stated: bool,
    requests: int,
    most: int,
) -> None:
    counts: list[int] = []
    data = make()
    server.tell("/w", served(data, counts))
    assert peek(connect(), server.url + "/w", len(data) if stated else None) == METADATA
    assert len(server.asked) == requests
    assert sum(counts) <= most
    assert {asked.method for asked in server.asked} == {"GET"}


DATA = wheel(200_000)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, DATA, {"Accept-Ranges": "bytes"}),
        Answer(501),
        Answer(416, b"", {"Content-Range": f"bytes */{len(DATA)}"}),
        Answer(404),
        Answer(403),
        Answer(206, DATA),
        Answer(206, DATA, {"Content-Range": "bytes 0-9/10"}),
        Answer(206, DATA[:10], {"Content-Range": f"bytes 0-9/{len(DATA)}"}),
        Answer(206, DATA[-TAIL:], {"Content-Range": f"bytes {len(DATA) - TAIL}-{len(DATA) - 1}/*"}),
        Answer(206, DATA[-TAIL:], {
            "Content-Range": f"bytes {len(DATA) - TAIL}-{len(DATA) - 1}/{len(DATA)}",
            "Content-Encoding": "gzip",
        }),
        Answer(206, b"", {"Content-Range": f"bytes -5-{len(DATA) - 1}/{len(DATA)}"}),
    ],
)  # fmt: skip
def test_what_is_no_range_is_none(server: Scripted, connect: Connect, answer: Answer) -> None:
    server.tell("/w", answer)
    assert peek(connect(), server.url + "/w", len(DATA)) is None
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 501])
def test_a_host_without_ranges_is_remembered_for_an_hour(
    server: Scripted, connect: Connect, time: Time, status: int
) -> None:
    server.tell("/w", Answer(status, DATA), served(DATA, []))
    upstream = connect()
    for _ in range(5):
        assert peek(upstream, server.url + "/w", len(DATA)) is None
    assert len(server.asked) == 1
    time.now += 3601
    assert peek(upstream, server.url + "/w", len(DATA)) == METADATA


def test_it_is_the_final_host_that_is_remembered(server: Scripted, connect: Connect) -> None:
    with Scripted() as without, Scripted() as other:
        without.tell("/w", Answer(200, DATA))
        other.tell("/w", served(DATA, []))
        server.tell("/a", Answer(302, headers={"Location": without.url + "/w"}))
        server.tell("/b", Answer(302, headers={"Location": other.url + "/w"}))
        upstream = connect()
        found = [peek(upstream, server.url + path, len(DATA)) for path in ("/a", "/b", "/a", "/b")]
        assert found == [None, METADATA, None, METADATA]
        assert len(without.asked) == 1


def test_the_body_of_a_200_is_not_read(server: Scripted, connect: Connect) -> None:
    """It never comes to its end, and nobody waits for that."""
    server.tell("/w", Answer(200, DATA[:1000], {"Content-Length": "5000000000"}, length=False))
    assert peek(connect(), server.url + "/w", len(DATA)) is None


def test_a_range_that_breaks_off_is_asked_for_again(server: Scripted, connect: Connect) -> None:
    stated = {"Content-Range": f"bytes {len(DATA) - TAIL}-{len(DATA) - 1}/{len(DATA)}"}
    server.tell("/w", Answer(206, DATA[-TAIL:], stated, cut=100), Answer(503), served(DATA, []))
    assert peek(connect(), server.url + "/w", len(DATA)) == METADATA


def test_an_index_that_is_down_is_unreachable(server: Scripted, connect: Connect) -> None:
    server.tell("/w", Answer(503))
    assert isinstance(peek(connect(), server.url + "/w", len(DATA)), Unreachable)


def test_another_size_than_stated_is_not_believed(server: Scripted, connect: Connect) -> None:
    server.tell("/w", served(DATA, []))
    assert peek(connect(), server.url + "/w", len(DATA) - 5) is None


def test_a_file_that_changes_in_between_is_none(server: Scripted, connect: Connect) -> None:
    first = wheel(200_000, first=True)
    server.tell("/w", served(first, []), served(first + b"x", []))
    assert peek(connect(), server.url + "/w", None) is None


@pytest.mark.parametrize(
    "data", [b"", b"no zip", b"PK\5\6" + bytes(18), DATA[:-30], DATA[:-100] + bytes(100)]
)
def test_what_is_no_wheel_is_malformed(server: Scripted, connect: Connect, data: bytes) -> None:
    server.tell("/w", served(data, []))
    found = peek(connect(), server.url + "/w", len(data))
    assert isinstance(found, Malformed)


def test_a_directory_without_measure_is_refused(server: Scripted, connect: Connect) -> None:
    """The zip says that its directory has 500 MB, and the server has them all."""
    end = b"PK\5\6" + bytes(4) + b"\1\0\1\0" + (500_000_000).to_bytes(4, "little") + bytes(6)
    size = 500_000_000 + len(end)
    counts: list[int] = []

    def tell(asked: Asked) -> Answer:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers["range"])
        assert match is not None
        start, stop = int(match[1]), int(match[2]) + 1
        counts.append(stop - start)
        data = bytes(stop - start)
        if stop == size:
            data = data[: -len(end)] + end
        return Answer(206, data, {"Content-Range": f"bytes {start}-{stop - 1}/{size}"})

    server.tell("/w", tell)
    assert isinstance(peek(connect(), server.url + "/w", size), Malformed)
    assert sum(counts) < 1_000_000
