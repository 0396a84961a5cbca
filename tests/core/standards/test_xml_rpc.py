"""XML-RPC: what is written is read again, by Python's own reader too; what is none is refused."""

import xmlrpc.client

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards import xml_rpc
from pypisync.errors import Malformed
from tests.deep import scaled

SAFE = st.text(st.characters(categories=("L", "N", "P", "S")))
VALUES = st.recursive(
    st.one_of(st.integers(-(2**63), 2**63), SAFE, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SAFE, inner, max_size=3)),
    max_leaves=5,
)


def written(value: object) -> str:
    if isinstance(value, int):
        return xml_rpc.integer(value)
    if isinstance(value, list):
        return xml_rpc.array(map(written, value))
    if isinstance(value, dict):
        return xml_rpc.struct((name, written(one)) for name, one in value.items())
    assert value is None or isinstance(value, str)
    return xml_rpc.string(value)


@given(VALUES)
@settings(max_examples=scaled(60))
def test_what_is_written_is_read_again(value: object) -> None:
    body = xml_rpc.answer(written(value))
    assert xml_rpc.parse(body) == ((value,), None)
    assert xmlrpc.client.loads(body) == ((value,), None)


def test_it_is_as_compact_as_this() -> None:
    value = xml_rpc.struct([("a&", xml_rpc.array([xml_rpc.integer(1), xml_rpc.string("<")]))])
    assert xml_rpc.answer(value) == (
        b"<?xml version='1.0' encoding='utf-8'?>\n<methodResponse><params><param><value><struct>"
        b"<member><name>a&amp;</name><value><array><data><value><int>1</int></value>"
        b"<value><string>&lt;</string></value></data></array></value></member></struct></value>"
        b"</param></params></methodResponse>\n"
    )
    assert xml_rpc.string(None) == "<value><nil/></value>"


def test_what_xml_cannot_hold_is_left_out() -> None:
    kept = "a\t\n\r é\U0001f600\ud7ff\ue000\ufffd"
    assert xml_rpc.string(f"\0\x01{kept}\x1f\ud800\udfff\uffff") == (
        f"<value><string>{kept}</string></value>"
    )


def test_a_call_has_a_method() -> None:
    body = xmlrpc.client.dumps((1, "x", [True]), "changelog").encode()
    assert xml_rpc.parse(body) == ((1, "x", [True]), "changelog")


def test_a_fault_is_raised() -> None:
    with pytest.raises(xmlrpc.client.Fault) as raised:
        xml_rpc.parse(xml_rpc.fault(-32601, "no <method>"))
    assert (raised.value.faultCode, raised.value.faultString) == (-32601, "no <method>")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no element found"),
        (b"<a>", "no element found"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<a/>", ""),
        (b"<methodResponse></methodResponse>", ""),
        (xml_rpc.answer("<value><int>x</int></value>"), "invalid literal"),
        (xml_rpc.answer("<value><double>x</double></value>"), "could not convert"),
        (xml_rpc.answer("<value><boolean>2</boolean></value>"), ""),
        (xml_rpc.answer("<value><strange>2</strange></value>"), "unknown tag 'strange'"),
        (xml_rpc.answer("</data>"), "mismatched tag"),
        (
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>' + xml_rpc.answer("&b;")[39:],
            "it carries a DOCTYPE, which XML-RPC never does$",
        ),
    ],
)
def test_what_is_none_is_malformed(body: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=rf"^not XML-RPC: .*{why}"):
        xml_rpc.parse(body)
