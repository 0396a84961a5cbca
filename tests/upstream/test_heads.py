"""Header lines are read as the standard library reads them, whatever comes."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.upstream.heads import parse_headers

LINES = st.one_of(
    st.sampled_from(
        [
            b"Content-Length: 5\r\n", b"content-type:text/html; charset=utf-8\n", b"X-Empty:\r\n",
            b"X-Space: \t a b \t\r\n", b" folded\r\n", b"\tfolded\r\n", b"no colon\r\n", b": x\r\n",
            b"Sp ace: x\r\n", b"Space : x\r\n", b"X: a\rb\r\n", b"X: a\r\r\n", b"From me: x\r\n",
            b"X: \xe9\xff\r\n", b"\xe9: x\r\n", b"X: a\x0bb\x0c\x85\x1c\r\n", b"X: \0\r\n",
            b"Content-Type: multipart/mixed; boundary=x\r\n", b"Set-Cookie: a=b\r\n",
            b"X: =?utf-8?\r\n",
        ]
    ),
    st.builds(b"%s:%s\r\n".__mod__, st.tuples(st.binary(max_size=4), st.binary(max_size=6))),
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n", b"\n", b"", b"\r\nbody"])


@given(st.lists(LINES, max_size=6), ENDS)
def test_fields_are_those_of_the_library(lines: list[bytes], end: bytes) -> None:
    head = b"".join(lines) + end
    ours, theirs = io.BytesIO(head), io.BytesIO(head)
    assert parse_headers(ours).items() == http.client.parse_headers(theirs).items()
    assert ours.tell() == theirs.tell()


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"X: " + b"a" * 70_000 + b"\r\n\r\n", http.client.LineTooLong),
        (b"X: a\r\n" * 101 + b"\r\n", http.client.HTTPException),
    ],
)
def test_too_much_is_refused(head: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_headers(io.BytesIO(head))
