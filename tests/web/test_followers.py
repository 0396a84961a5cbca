"""What mirrors of a mirror ask: XML-RPC, the JSON API, and serials in headers."""

import asyncio
import re
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import journal
from pypisync.core.standards import xml_rpc
from pypisync.errors import Malformed
from pypisync.web.rates import Rates, client_of
from pypisync.web.turns import BusyError, Turns
from pypisync.web.xml_rpc import BODY_BYTES, Calls
from tests.web.sites import HTML, JSON, Site, small_world

SERIAL = "X-PyPI-Last-Serial"
CALL = "<methodCall><methodName>{}</methodName><params>{}</params></methodCall>"


def call(site: Site, method: str, *values: object) -> object:
    """What Python's own client gets."""
    with xmlrpc.client.ServerProxy(f"{site.address}/pypi", allow_none=True) as proxy:
        return getattr(proxy, method)(*values)


def refused(site: Site, method: str, *values: object) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as fault:
        call(site, method, *values)
    return fault.value.faultCode, fault.value.faultString


def listed(site: Site) -> dict[str, int]:
    with Reader(site.bench.database) as reader:
        return dict(journal.listed(reader))


def test_the_calls_of_mirroring(site: Site) -> None:
    newest = call(site, "changelog_last_serial")
    names = listed(site)
    assert newest == max(names.values())
    assert call(site, "list_packages_with_serial") == names
    rows = call(site, "changelog_since_serial", 0)
    assert isinstance(rows, list)
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("a-b", None, "create", names["a-b"]),
        ("s", None, "create", names["s"]),
    ]
    assert {row[2] for row in rows} == {int(site.bench.clock)}
    assert call(site, "changelog_since_serial", names["a-b"]) == rows[1:]
    assert call(site, "changelog_since_serial", newest) == []
    assert call(site, "changelog_since_serial", 2**31 - 1) == []


def test_other_calls_are_faults_as_on_pypi(site: Site) -> None:
    assert refused(site, "changelog_since_serial", "1")[0] == -32602
    assert refused(site, "changelog_since_serial", True)[0] == -32602
    assert refused(site, "changelog_since_serial", -1)[0] == -32602
    assert refused(site, "changelog_since_serial")[0] == -32602
    assert refused(site, "changelog_last_serial", 1)[0] == -32602
    for method in ("search", "release_data", "system.multicall", "changelog"):
        code, text = refused(site, method, "x")
        assert (code, text[:14]) == (-32500, "RuntimeError: ")


HOSTILE = {
    "nothing": b"",
    "no XML": b"{}",
    "cut off": b"<methodCall>",
    "a doctype": b'<!DOCTYPE x [<!ENTITY a "b">]>'
    b"<methodCall><methodName>&a;</methodName></methodCall>",
    "an entity": b"<methodCall><methodName>&a;</methodName></methodCall>",
    "no values": b"<methodCall><methodName>changelog_last_serial</methodName><fault/></methodCall>",
    "an odd number": CALL.format(
        "changelog_since_serial", "<param><value><int>x</int></value></param>"
    ).encode(),
    "no decimal number": CALL.format(
        "changelog_since_serial", "<param><value><bigdecimal>x</bigdecimal></value></param>"
    ).encode(),
    "deep": CALL.format("x", "<value>" * 2000).encode()[: BODY_BYTES - 1],
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_call_is_a_fault(site: Site, body: bytes) -> None:
    sent = site.post("/pypi", body)
    assert (sent.status_code, sent.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert b"<int>-32700</int>" in sent.content


def test_only_calls_are_posted_and_they_are_short(site: Site) -> None:
    assert site.post("/pypi", b"x" * (BODY_BYTES + 1)).status_code == 413
    assert site.post("/pypi", b"x", "application/json").status_code == 415
    assert site.post("/simple/", b"x").status_code == 405
    assert site.get("/pypi").headers["Allow"] == "POST"
    huge = (
        b"POST /pypi HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 99999999\r\n"
    )
    assert site.raw(huge + b"Connection: close\r\n\r\n" + b"x" * 70_000)[:12] == b"HTTP/1.1 413"


def test_answers_are_packed_for_those_who_take_it(site: Site) -> None:
    body = CALL.format("changelog_since_serial", "<param><value><int>0</int></value></param>")
    plain = site.post("/pypi", body.encode())
    packed = site.post("/RPC2", body.encode(), encoding="gzip")
    assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (
        None,
        "gzip",
    )
    assert plain.content == packed.content
    assert xml_rpc.parse(plain.content)[0][0] == call(site, "changelog_since_serial", 0)


def test_a_client_may_call_so_often_and_the_next_is_told_when_it_may() -> None:
    now = [7200.0 + 600]
    rates = Rates(2, lambda: now[0])
    assert [rates.call("a")[0] for _ in range(3)] == [0, 0, 3000]
    wait, said = rates.call("b")
    assert (wait, said["RateLimit"]) == (0, '"xmlrpc";r=1;t=3000')
    now[0] += 3000
    assert rates.call("a")[0] == 0


def test_only_a_proxy_on_this_machine_says_whom_it_calls_for() -> None:
    assert client_of({"client": ("127.0.0.1", 1)}, "10.0.0.1, 10.0.0.2") == "10.0.0.2"
    # As IPv4 is seen by a listener at all addresses.
    assert client_of({"client": ("::ffff:127.0.0.1", 1)}, "10.0.0.2") == "10.0.0.2"
    assert client_of({"client": ("10.0.0.3", 1)}, "10.0.0.1") == "10.0.0.3"
    assert client_of({"client": None}, "") == ""


def test_whoever_calls_too_often_gets_a_fault_as_on_pypi(tmp_path: Path) -> None:
    calls = Calls(f"sqlite:///{tmp_path}/nothing", Turns(), Rates(0, lambda: 3591))
    sent = asyncio.run(calls.answer(b"", "a", ""))
    assert isinstance(sent.body, bytes)
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xml_rpc.parse(sent.body)
    assert fault.value.faultCode == -32500
    # As our own client reads it.
    found = re.search(r"TooManyRequests.*reset in ([0-9]+) second", fault.value.faultString)
    assert found
    assert found[1] == "9"
    assert sent.headers["RateLimit"] == '"xmlrpc";r=0;t=9'


def test_who_comes_when_too_many_wait_is_sent_away() -> None:
    async def three() -> list[object]:
        turns = Turns(2)
        return await asyncio.gather(
            *(turns.take(lambda: 1) for _ in range(3)), return_exceptions=True
        )

    one, two, left = asyncio.run(three())
    assert (one, two, type(left)) == (1, 1, BusyError)


# -- serials on pages -----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("accept", [JSON, HTML, "text/html"])
def test_a_page_states_its_serial_in_the_header_too(site: Site, accept: str, encoding: str) -> None:
    for _ in range(2):  # from the disk, and from memory
        page = site.get("/simple/a-b/", accept, encoding)
        assert int(page.headers[SERIAL]) == listed(site)["a-b"]
    again = site.get("/simple/a-b/", accept, encoding, If_None_Match=page.headers["ETag"])
    assert (again.status_code, again.headers[SERIAL]) == (304, page.headers[SERIAL])
    root = site.get("/simple/", JSON, encoding)
    assert int(root.headers[SERIAL]) == max(listed(site).values())
    assert SERIAL not in site.get("/simple/nobody/", JSON).headers


# -- the JSON API ---------------------------------------------------------------------------


def test_the_document_of_a_project(site: Site) -> None:
    found = site.get("/pypi/a-b/json")
    assert int(found.headers[SERIAL]) == listed(site)["a-b"]
    document = found.json()
    assert document["last_serial"] == listed(site)["a-b"]
    assert document["info"]["requires_dist"] == ["s"]
    assert (document["info"]["name"], document["info"]["version"]) == ("a-b", "1.0")
    [file] = document["urls"]
    assert document["releases"] == {"1.0": [file]}
    assert "vulnerabilities" not in document  # never examined is not the same as none
    page = site.get("/simple/a-b/", JSON).json()
    [on_page] = page["files"]
    assert file["url"] == site.address + "/packages/" + on_page["url"].partition("/packages/")[2]
    assert file["digests"] == on_page["hashes"]
    assert file["core-metadata"] == on_page["core-metadata"]
    assert (file["size"], file["upload_time_iso_8601"]) == (
        on_page["size"],
        on_page["upload-time"],
    )
    for path in ("/pypi/a-b/json/", "/pypi/a-b/1.0/json/", "/pypi/a-b/1/json"):
        assert site.get(path).json()["info"] == document["info"]
    again = site.get("/pypi/a-b/json", If_None_Match=found.headers["ETag"])
    assert again.status_code == 304


def test_addresses_in_it_are_those_of_who_asks(site: Site) -> None:
    asked = site.get(
        "/pypi/s/1.0/json",
        X_Forwarded_Host="mirror.corp",
        X_Forwarded_Proto="https",
        X_Forwarded_Prefix="/pypi-mirror",
    )
    [file] = asked.json()["urls"]
    assert file["url"].startswith("https://mirror.corp/pypi-mirror/packages/")
    assert file["packagetype"] == "sdist"
    assert "releases" not in asked.json()


def test_other_spellings_lead_to_it_and_unknown_names_nowhere(site: Site) -> None:
    assert site.get("/pypi/A_b/json").headers["Location"] == "../a-b/json"
    assert site.get("/pypi/A_b/1.0/json").headers["Location"] == "../../a-b/1.0/json"
    assert site.get("/pypi/A_b/1%0D%0A/json/").headers["Location"] == "../../../a-b/1%0D%0A/json"
    for path in ("/pypi/nobody/json", "/pypi/a-b/9/json", "/pypi/%00/json", "/pypi/a-b"):
        assert site.get(path).status_code == 404


@pytest.fixture
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("moving"), small_world())
    made.bench.sync()
    with made.running():
        yield made


def test_a_change_a_quarantine_and_a_removal_are_told(moving: Site) -> None:
    newest = call(moving, "changelog_last_serial")
    moving.world.publish("a-b", "2.0rc1")
    moving.world.yank("a-b", "1.0", "broken")
    moving.bench.packages = {"a-b": ["1.0", ">=2.0rc1"], "s": ["latest"]}
    moving.bench.sync()
    document = moving.get("/pypi/a-b/json").json()
    assert document["info"]["version"] == "2.0rc1"
    assert sorted(document["releases"]) == ["1.0", "2.0rc1"]
    assert document["releases"]["1.0"][0]["yanked_reason"] == "broken"
    rows = call(moving, "changelog_since_serial", newest)
    assert isinstance(rows, list)
    assert {(row[1], row[3]) for row in rows} == {
        ("2.0rc1", "new release"),
        ("2.0rc1", "add py3 file a_b-2.0rc1-py3-none-any.whl"),
        ("1.0", "yank release"),
    }
    moving.world.quarantine("a-b")
    moving.bench.sync()
    assert moving.get("/pypi/a-b/json").status_code == 404
    last = call(moving, "changelog_since_serial", rows[-1][4])
    assert isinstance(last, list)
    assert last[0][3] == "project quarantined"


def test_a_catalog_that_cannot_be_read_is_no_empty_journal(moving: Site) -> None:
    moving.bench.catalog().engine.dispose()
    (moving.tree / "catalog.sqlite").rename(moving.tree / "away")
    code, text = refused(moving, "changelog_last_serial")
    assert (code, "catalog" in text) == (-32500, True)
    assert moving.get("/pypi/a-b/json").status_code == 503
    assert moving.get("/simple/a-b/", JSON).status_code == 200


# -- XML-RPC itself -------------------------------------------------------------------------


def test_what_xml_cannot_hold_breaks_no_answer() -> None:
    text = xml_rpc.string("a\x00\x1b<&\ud800é")
    assert xml_rpc.parse(xml_rpc.answer(text))[0] == ("a<&é",)
    with pytest.raises(Malformed):
        xml_rpc.parse(b"<methodResponse></methodResponse>")
    with pytest.raises(xmlrpc.client.Fault):
        xml_rpc.parse(xml_rpc.fault(-32601, "no"))
