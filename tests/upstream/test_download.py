"""Files: resumed, checked, bounded, smallest first, and never stuck behind a broken one."""

import dataclasses
import gzip
import hashlib

import pytest
from msgspec.structs import replace

from pypisync.errors import Gone, Malformed, StorageError, Unreachable, UpstreamError
from pypisync.upstream.api import FileAsk
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.stream import answers
from tests.sim.asks import asked
from tests.upstream.conftest import Connect, Time
from tests.upstream.deposit import MemoryDeposit
from tests.upstream.scripted import Answer, Asked, Scripted, page, resumable

DATA = bytes(range(256)) * 4000  # about 1 MB
SHA = hashlib.sha256(DATA).hexdigest()
MIB = 1024 * 1024


def wanted(server: Scripted, data: bytes = DATA, *, size: int | None = -1) -> FileAsk:
    digest = hashlib.sha256(data).hexdigest()
    return FileAsk(server.url + "/f", "f", digest, len(data) if size == -1 else size)


def fetch(upstream: HttpUpstream, ask: FileAsk, deposit: MemoryDeposit) -> UpstreamError | None:
    return asked(upstream, ask, deposit)


def many(server: Scripted, count: int = 500) -> list[tuple[FileAsk, int]]:
    return [(FileAsk(server.url + "/f", f"f{n}", SHA, len(DATA)), n) for n in range(count)]


def test_a_file_arrives(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}
    assert server.asked[0].headers["accept-encoding"] == "identity"
    assert "range" not in server.asked[0].headers


def test_size_and_hash_may_be_unknown(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    assert fetch(connect(), FileAsk(server.url + "/f", "f", ""), deposit) is None
    assert deposit.files == {"f": DATA}


def test_an_empty_file_needs_no_request(server: Scripted, connect: Connect) -> None:
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server, b""), deposit) is None
    assert (deposit.files, server.asked) == ({"f": b""}, [])


def test_an_earlier_try_is_resumed(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA[:1000]
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}
    assert server.asked[0].headers["range"] == "bytes=1000-"


def test_what_is_already_whole_needs_no_request(server: Scripted, connect: Connect) -> None:
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA
    assert fetch(connect(), wanted(server), deposit) is None
    assert (deposit.files, server.asked) == ({"f": DATA}, [])


def test_a_server_that_does_not_resume_starts_over(server: Scripted, connect: Connect) -> None:
    server.tell("/f", Answer(200, DATA))
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA[:1000]
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}


@pytest.mark.parametrize(
    "wrong",
    [
        Answer(206, DATA[5:], {"Content-Range": "bytes 5-9/10"}),
        Answer(206, DATA),
        Answer(416),
        Answer(206, DATA, {"Content-Range": "bytes 1000-9/10", "Content-Encoding": "gzip"}),
    ],
)
def test_a_range_that_does_not_fit_starts_over(
    server: Scripted, connect: Connect, wrong: Answer
) -> None:
    server.tell("/f", wrong, Answer(200, DATA))
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA[:1000]
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}
    assert "range" not in server.asked[1].headers


def test_a_cut_download_goes_on_where_it_was(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA, cut=400_000), resumable(DATA))
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}
    assert server.asked[1].headers["range"] == "bytes=400000-"


def test_progress_renews_the_patience(server: Scripted, connect: Connect, time: Time) -> None:
    data = DATA * 8
    server.tell("/f", resumable(data, cut=MIB + 5))
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server, data), deposit) is None
    assert deposit.files == {"f": data}
    assert len(server.asked) == 8
    assert time.now == 7


def test_no_progress_ends_and_keeps_what_arrived(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA, cut=10))
    deposit = MemoryDeposit()
    error = fetch(connect(), wanted(server), deposit)
    assert isinstance(error, Unreachable)
    assert "3 times in a row" in str(error)
    assert deposit.partial == {"f": DATA[:30]}


def test_cuts_without_ranges_end(server: Scripted, connect: Connect) -> None:
    data = DATA * 2
    server.tell("/f", Answer(200, data, cut=len(DATA) + 100_000))
    assert isinstance(fetch(connect(), wanted(server, data), MemoryDeposit()), Unreachable)
    assert len(server.asked) == 3  # the same megabyte again is no progress


def test_a_body_without_a_length_may_be_cut_too(server: Scripted, connect: Connect) -> None:
    server.tell("/f", Answer(200, DATA[:5000], length=False), resumable(DATA))
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server), deposit) is None
    assert server.asked[1].headers["range"] == "bytes=5000-"


def test_a_compressed_answer_is_unpacked(server: Scripted, connect: Connect) -> None:
    packed = Answer(200, gzip.compress(DATA), {"Content-Encoding": "gzip"})
    server.tell("/f", packed)
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA[:1000]
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}


@pytest.mark.parametrize("status", [404, 410])
def test_gone(server: Scripted, connect: Connect, status: int) -> None:
    server.tell("/f", Answer(status))
    assert isinstance(fetch(connect(), wanted(server), MemoryDeposit()), Gone)
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [Answer(403), Answer(503), Answer(416)])
def test_unreachable(server: Scripted, connect: Connect, answer: Answer) -> None:
    server.tell("/f", answer)
    assert isinstance(fetch(connect(), wanted(server), MemoryDeposit()), Unreachable)


def test_wrong_bytes_are_fetched_once_more_past_the_caches(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/f", Answer(200, DATA[::-1]), Answer(200, DATA))
    deposit = MemoryDeposit()
    assert fetch(connect(), wanted(server), deposit) is None
    assert server.asked[1].headers["cache-control"] == "no-cache"
    assert server.asked[0].connection != server.asked[1].connection


@pytest.mark.parametrize("size", [-1, None])
@pytest.mark.parametrize("raw", [True, False], ids=["as it is", "packed again"])
def test_a_tar_gz_that_is_called_encoded_arrives(
    server: Scripted, connect: Connect, raw: bool, size: int | None
) -> None:
    data = gzip.compress(DATA)
    body = data if raw else gzip.compress(data)
    server.tell("/f", Answer(200, body, {"Content-Encoding": "gzip"}))
    deposit = MemoryDeposit()
    ask = replace(wanted(server, data, size=size), path="f-1.tar.gz")
    assert fetch(connect(), ask, deposit) is None
    assert deposit.files == {"f-1.tar.gz": data}


@pytest.mark.parametrize("encoding", ["gzip", "X-GZIP", "deflate", "br", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("path", ["f-1.tar.gz", "f-1.zip", "f-1-py3-none-any.whl.metadata"])
@pytest.mark.parametrize("size", [-1, None])
@pytest.mark.parametrize("length", [True, False])
def test_bytes_that_are_no_encoding_at_all_are_the_file(
    server: Scripted, connect: Connect, encoding: str, path: str, size: int | None, length: bool
) -> None:
    server.tell("/f", Answer(200, DATA, {"Content-Encoding": encoding}, length=length))
    deposit = MemoryDeposit()
    assert fetch(connect(), replace(wanted(server, size=size), path=path), deposit) is None
    assert deposit.files == {path: DATA}
    assert len(server.asked) <= 2


def test_a_file_that_is_called_encoded_is_resumed(server: Scripted, connect: Connect) -> None:
    data = gzip.compress(DATA) * 3

    def tell(asked: Asked) -> Answer:
        answer = resumable(data, cut=5_000)(asked)
        return dataclasses.replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"})

    server.tell("/f", tell)
    deposit = MemoryDeposit()
    assert fetch(connect(retries=9), wanted(server, data), deposit) is None
    assert deposit.files == {"f": data}
    ranges = [asked.headers.get("range") for asked in server.asked]
    assert ranges == [None, *(f"bytes={at}-" for at in range(5_000, len(data), 5_000))]


def test_a_whole_part_of_unstated_size_is_not_asked_for(server: Scripted, connect: Connect) -> None:
    deposit = MemoryDeposit()
    deposit.partial["f"] = DATA
    assert fetch(connect(), wanted(server, size=None), deposit) is None
    assert (deposit.files, server.asked) == ({"f": DATA}, [])


def test_a_part_that_nothing_identifies_begins_anew(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    deposit.partial["f"] = b"of something else"
    assert fetch(connect(), FileAsk(server.url + "/f", "f", ""), deposit) is None
    assert deposit.files == {"f": DATA}
    assert "range" not in server.asked[0].headers


def test_a_file_of_unstated_size_has_a_limit(server: Scripted, connect: Connect) -> None:
    server.tell("/f", Answer(200, DATA, length=False))
    deposit = MemoryDeposit()
    ask = replace(wanted(server, size=None), limit=300_000)
    assert isinstance(fetch(connect(), ask, deposit), Malformed)
    assert len(deposit.partial["f"]) <= 300_000
    assert fetch(connect(), replace(ask, limit=len(DATA)), deposit) is None


def test_a_bad_beginning_from_an_earlier_try_is_thrown_away(
    server: Scripted, connect: Connect
) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    deposit.partial["f"] = b"x" * 1000
    assert fetch(connect(), wanted(server), deposit) is None
    assert deposit.files == {"f": DATA}


@pytest.mark.parametrize(
    "body", [DATA[::-1], DATA + b"x", DATA[:-1], b""], ids=["other", "long", "short", "empty"]
)
def test_wrong_bytes_for_good_are_malformed(
    server: Scripted, connect: Connect, body: bytes
) -> None:
    server.tell("/f", Answer(200, body))
    deposit = MemoryDeposit()
    assert isinstance(fetch(connect(), wanted(server), deposit), Malformed)
    assert deposit.files == {}
    assert len(server.asked) == 2


def test_no_more_than_stated_is_taken(server: Scripted, connect: Connect) -> None:
    server.tell("/f", Answer(200, DATA))
    deposit = MemoryDeposit()
    assert isinstance(fetch(connect(), wanted(server, size=1000), deposit), Malformed)
    assert len(deposit.partial["f"]) <= 1000


def test_an_error_page_is_not_the_file(server: Scripted, connect: Connect) -> None:
    server.tell("/f", page())
    assert isinstance(fetch(connect(), wanted(server), MemoryDeposit()), Malformed)


def test_a_full_disk_stops_everything(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    deposit = MemoryDeposit()
    deposit.full.add("f9")
    with pytest.raises(StorageError):
        list(answers(connect(workers=3), many(server), deposit))
    assert len(server.asked) < 100


def test_stop_is_noticed_between_chunks(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(2 * DATA))
    deposit = MemoryDeposit()

    def stop() -> bool:
        return any(part._data for part in parts)

    parts = []
    part = deposit.part

    def watched(ask: FileAsk) -> object:
        parts.append(part(ask))
        return parts[-1]

    deposit.part = watched  # type: ignore[method-assign, assignment]
    error = fetch(connect(stop=stop), wanted(server, 2 * DATA), deposit)
    assert isinstance(error, Unreachable)
    assert "stopped" in str(error)
    assert 0 < len(deposit.partial["f"]) < len(2 * DATA)


def test_leaving_early_leaves_nothing_behind(server: Scripted, connect: Connect) -> None:
    server.tell("/f", resumable(DATA))
    wanted_files = many(server, 5_000)  # far more than come before a busy machine hears the close
    coming = answers(connect(workers=3), wanted_files, MemoryDeposit())
    next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert len(server.asked) < len(wanted_files)
