"""What headers ask for, as laws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.web import negotiation
from tests.deep import scaled

JSON, HTML = negotiation.CONTENT_TYPES["v1_json"], negotiation.CONTENT_TYPES["v1_html"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "html"),
        (f"{JSON}, {HTML};q=0.2, text/html;q=0.01", "v1_json"),  # uv
        (f"{HTML}, text/html;q=0.01", "v1_html"),
        (f"{JSON};q=0", "html"),
        (f"{JSON};q=0, */*", "html"),
        (f"text/html;q=0, {HTML};q=0.001", "v1_html"),
        ("text/html;q=0, */*;q=0.5", "v1_json"),
        ("application/*", "v1_json"),
        ("text/*;q=0.3, application/*;q=0.2", "html"),
        (f"text/html, {JSON}", "v1_json"),  # both liked as much: what says more
        (f"*/*, {JSON}", "v1_json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),  # a browser
        (f"{JSON.upper()} ; Q=1", "v1_json"),
        (f"{JSON};q=nonsense", "html"),
        (f"{JSON};version=1;q=0.5", "v1_json"),
        (",;,=;q,", "html"),
    ],
)
def test_the_format(accept: str, expected: str) -> None:
    assert negotiation.page_format(accept) == expected


@given(st.permutations(sorted(negotiation.CONTENT_TYPES)), st.booleans())
@settings(deadline=None, max_examples=scaled(30))
def test_the_heaviest_wins_in_whatever_order(order: list[negotiation.Format], latest: bool) -> None:
    names = {form: negotiation.CONTENT_TYPES[form] for form in order}
    if latest:
        names = {form: name.replace(".v1+", ".latest+") for form, name in names.items()}
    weights = dict(zip(order, ("0.9", "0.5", "0.123"), strict=True))
    accept = ", ".join(f"{names[form]};q={weights[form]}" for form in sorted(order))
    assert negotiation.page_format(accept) == order[0]


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=scaled(100))
def test_any_text_is_answered(text: str) -> None:
    assert negotiation.page_format(text) in negotiation.CONTENT_TYPES
    assert negotiation.takes_gzip(text) in (True, False)
    assert negotiation.is_known(text, '"x"') in (True, False)
    assert negotiation.part(text, text, '"x"', 10) is None


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        *(("", False), ("identity", False), ("br, zstd", False), ("gzip;q=0", False)),
        *(("gzip", True), ("gzip, deflate, zstd", True), ("x-gzip", True), ("*", True)),
        *(("gzip;q=0.5, identity", False), ("identity;q=0.5, gzip", True), ("*, gzip;q=0", False)),
    ],
)
def test_the_packing(encoding: str, expected: bool) -> None:
    assert negotiation.takes_gzip(encoding) == expected


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None, max_examples=scaled(200))
def test_a_part_is_what_a_slice_is(size: int, first: int, last: int) -> None:
    data = bytes(range(size))
    asked = [
        (f"bytes={first}-", data[first:]),
        (f"bytes=-{last}", data[-last:] if last else b""),
    ]
    if last >= first:
        asked.append((f"bytes={first}-{last}", data[first : last + 1]))
    for text, expected in asked:
        part = negotiation.part(text, "", '"x"', size)
        assert part is not None
        start, stop = part
        assert 0 <= start <= stop <= size
        assert data[start:stop] == expected
