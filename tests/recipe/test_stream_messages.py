"""What the cycle and the process of its stream tell each other comes as it was sent."""

import io
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync import errors
from pypisync.core.standards.model import File, ProjectDocument, Skipped, Unchanged, Validators
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.cycle.stream_messages import Said, Told, Wire, read_frame
from pypisync.upstream.api import FileAsk, ProjectAsk
from pypisync.upstream.client import HttpUpstream, Settings
from pypisync.upstream.credentials import basic
from pypisync.upstream.indexes import Indexes
from pypisync.upstream.learnt import News
from pypisync.upstream.manners import Gate
from pypisync.upstream.twins import parts, recipe
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

texts = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates as well
maybe = st.none() | texts
numbers = st.integers(0, 2**70)
files = st.builds(
    File, texts, texts, texts, st.none() | numbers, maybe, maybe, maybe, maybe, maybe, texts, texts
)
validators = st.builds(Validators, maybe, maybe, texts)
documents = st.builds(
    ProjectDocument,
    texts,
    texts,
    numbers,
    st.lists(files, max_size=3),
    st.sampled_from([None, "active", "archived", "deprecated", "quarantined"]),
    maybe,
    validators,
    st.lists(texts, max_size=2).map(tuple),
    st.dictionaries(texts, st.none() | st.lists(texts, max_size=2).map(tuple), max_size=2),
    st.lists(st.builds(Skipped, texts, texts), max_size=2).map(tuple),
    texts,
    st.booleans(),
    st.sampled_from(["legacy", "html", "json"]),
)
news = st.builds(
    News,
    texts,
    texts,
    st.none() | st.builds(Gate, st.floats(allow_nan=False), st.integers(0, 9)),
    st.sampled_from([None, "legacy", "html", "json"]),
)


@given(st.lists(documents, max_size=3), st.builds(Unchanged, texts, numbers), st.lists(news))
def test_answers_come_as_they_were(
    some: list[ProjectDocument], unchanged: Unchanged, told: list[News]
) -> None:
    wire = Wire(Said)
    said = Said(list(enumerate(some)), [(7, unchanged)], [(8, "ab", 3)], [(8, "c", 1)], news=told)
    source = io.BytesIO(wire.packed(said) + wire.packed(Said(there={"a": 1})))
    assert wire.unpacked(read_frame(source)) == said
    assert wire.unpacked(read_frame(source)) == Said(there={"a": 1})
    with pytest.raises(EOFError):
        read_frame(source)


@given(
    st.builds(
        ProjectAsk,
        texts,
        numbers,
        validators,
        texts,
        texts,
        st.booleans(),
        st.sampled_from(["", "legacy", "html", "json"]),
        st.integers(0, 9),
    ),
    st.builds(
        FileAsk,
        texts,
        texts,
        texts,
        st.none() | numbers,
        numbers,
        texts,
        texts,
        st.booleans(),
        texts,
    ),
)
def test_asks_come_as_they_were(project: ProjectAsk, file: FileAsk) -> None:
    wire = Wire(Told)
    told = Told([(1, project)], [(2, file)], most=5, forget=True)
    assert wire.unpacked(read_frame(io.BytesIO(wire.packed(told)))) == told


def test_a_frame_that_is_cut_off_is_the_end() -> None:
    whole = Wire(Told).packed(Told())
    for cut in range(len(whole)):
        with pytest.raises(EOFError):
            read_frame(io.BytesIO(whole[:cut]))


@pytest.mark.parametrize("data", [b"\0\xc1", b"\0\x90", b"\1nonsense"])
def test_a_frame_that_is_none_of_ours_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="no frame of ours"):
        Wire(Told).unpacked(data)


def kinds(of: type[errors.PypiSyncError]) -> list[type[errors.PypiSyncError]]:
    return [of, *(kind for one in of.__subclasses__() for kind in kinds(one))]


@pytest.mark.parametrize("kind", kinds(errors.PypiSyncError))
def test_every_error_comes_as_it_was(kind: type[errors.PypiSyncError]) -> None:
    given: object = ["one", "two"] if issubclass(kind, errors.ConfigError) else "one\ntwo"
    error = kind(given)
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is kind
    assert (str(found), vars(found)) == (str(error), vars(error)) == ("one\ntwo", vars(error))


def test_who_is_busy_comes_apart_from_what_to_do() -> None:
    error = errors.Busy("another sync is running", "wait for its end")
    found = pickle.loads(pickle.dumps(error))
    assert str(found) == "another sync is running: wait for its end"
    assert vars(found) == {"who": "another sync is running", "advice": "wait for its end"}


def test_the_same_upstream_is_made_elsewhere_and_knows_what_is_known() -> None:
    one = HttpUpstream(Settings("http://a.test", credentials=basic("me", "secret")), name="one")
    two = HttpUpstream(Settings("http://b.test", workers=3))
    both = Indexes([one, two], Assignment([Share("one", ("a-*",)), Share("endpoint")], ["r-*"]))
    gate = Gate(time.monotonic() + 100, 2)
    one.learn(News("one", "http://a.test", gate))
    two.learn(News("endpoint", best="html"))
    for upstream in (both, two):
        known = recipe(upstream)
        assert "secret" not in repr(known)
        made = pickle.loads(pickle.dumps(known)).make(lambda: False, print)
        assert made.assignment == upstream.assignment
        assert made.workers == upstream.workers
        assert {n: i.settings for n, i in parts(made).items()} == {
            n: i.settings for n, i in parts(upstream).items()
        }
        assert [i.news() for i in parts(made).values()] == [
            i.news() for i in parts(upstream).values()
        ]
    assert one.news() == [News("one", "http://a.test", gate)]


def test_an_upstream_in_memory_or_on_another_clock_stays_here() -> None:
    here = MemoryUpstream(World())
    slow = HttpUpstream(Settings("http://a.test"), sleep=lambda _: None)
    good = HttpUpstream(Settings("http://a.test"), name="good")
    assert recipe(here) is None
    assert recipe(slow) is None
    assert recipe(Indexes([good, slow], Assignment())) is None
    assert recipe(good) is not None
