"""What the legacy JSON API says of vulnerabilities."""

import pytest

from pypisync.core.standards.model import Vulnerability
from pypisync.errors import Malformed
from pypisync.upstream.documents import parse_vulnerabilities
from tests.upstream.test_documents import reply


def examined(*known: object) -> tuple[Vulnerability, ...]:
    document = {"info": {"name": "Holy.Grail"}, "vulnerabilities": list(known)}
    return parse_vulnerabilities("holy-grail", reply(document))


def test_what_is_said_of_vulnerabilities_is_cut_to_size() -> None:
    assert examined() == ()
    assert examined({"id": "A-1", "aliases": [], "withdrawn": None}) == (Vulnerability("A-1"),)
    assert examined({"id": "A-1", "withdrawn": "2026-01-01T00:00:00Z"}, {"id": ""}) == ()
    (one,) = examined({"id": "A" * 9999, "aliases": ["x\0"] * 9999, "summary": "y" * 9999})
    assert (len(one.id), len(one.aliases), len(one.summary)) == (500, 100, 500)
    assert one.aliases[0] == "x\ufffd"
    assert len(examined(*({"id": f"A-{i}"} for i in range(999)))) == 100


@pytest.mark.parametrize(
    "document",
    [
        {"info": {"name": "holy-grail"}},
        {"info": {"name": "holy-grail"}, "vulnerabilities": [{}]},
        {"info": {"name": "holy-grail"}, "vulnerabilities": [{"id": 1}]},
        {"info": {"name": "other"}, "vulnerabilities": []},
    ],
)
def test_a_document_that_tells_of_no_vulnerabilities_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        parse_vulnerabilities("holy-grail", reply(document))
