"""A page of very many files says what a small one with the same entries would say."""

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.standards.model import File, ManyFiles, ProjectDocument
from pypisync.upstream import documents
from pypisync.upstream.documents import parse_simple
from pypisync.upstream.session import Reply
from tests.upstream.test_documents import ANYTHING, KEYS, reply, simple, simple_file

FILES = tuple(File(f"a-{n}.tar.gz", f"https://h/{n}/a.tar.gz", "") for n in range(4))


def large(answer: Reply) -> ProjectDocument:
    with patch.object(documents, "_LARGE", 0):
        return parse_simple("holy-grail", answer)


NAMES = st.sampled_from(["x.whl", "holy_grail-1.0.tar.gz", "a/b", "\u00e9.whl"])
ENTRIES = st.lists(
    st.builds(
        lambda name, changes: simple_file(filename=name) | changes,
        NAMES,
        st.dictionaries(st.sampled_from(KEYS), ANYTHING) | st.just({"hashes": {}}),
    ),
    max_size=6,
)


@given(ENTRIES)
@settings(deadline=None, max_examples=150)
def test_it_says_the_same_and_has_the_same_digest(entries: list[dict[str, Any]]) -> None:
    answer = reply(simple(*entries, versions=["1.0", "2.0", "x"]))
    found = large(answer)
    assert replace(found, files=tuple(found.files)) == parse_simple("holy-grail", answer)


def test_its_files_are_made_when_they_are_asked_for() -> None:
    found = large(reply(simple(simple_file(), simple_file(filename="x.whl"))))
    assert isinstance(found.files, ManyFiles)
    assert found.files[1] == found.files[1]
    assert found.files[1] is not found.files[1]


def test_one_with_a_bad_entry_is_read_as_a_small_one() -> None:
    found = large(reply(simple(simple_file(), {"filename": 3})))
    assert [file.filename for file in found.files] == ["holy_grail-1.0-py3-none-any.whl"]
    assert len(found.skipped) == 1


def test_many_files_are_a_sequence() -> None:
    files = ManyFiles([file.filename for file in FILES], FILES.__getitem__)
    assert list(files) == list(FILES)
    assert files[-1] is FILES[-1]
    assert files[1:3] == [*FILES[1:3]]
    assert FILES[2] in files
    with pytest.raises(IndexError):
        files[len(FILES)]
