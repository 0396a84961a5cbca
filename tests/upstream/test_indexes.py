"""Several indexes behind one upstream: who is asked, and whose answer counts."""

from collections.abc import Iterable

import pytest

from pypisync.core.standards.model import ENDPOINT, ProjectDocument, Unchanged
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.errors import Gone, Unreachable, UpstreamError
from pypisync.upstream.api import FileAsk, ProjectAsk, RequiresAsk, VulnerabilitiesAsk
from pypisync.upstream.indexes import Indexes
from tests.sim.asks import asked
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World
from tests.upstream.deposit import MemoryDeposit

OWN = Share("own", ("acme-*",))
COMPANY = Share("company")
PUBLIC = Share(ENDPOINT)


class Several:
    """Indexes, each a world of its own, and what each was asked."""

    def __init__(
        self,
        *shares: Share,
        reserved: Iterable[str] = (),
        union: Iterable[str] = (),
    ) -> None:
        self.worlds = {share.name: World() for share in shares}
        self._indexes = [
            MemoryUpstream(world, name=name, base=f"http://{name}.test")
            for name, world in self.worlds.items()
        ]
        self.upstream = Indexes(self._indexes, Assignment(shares, reserved, union))

    def ask(self, ask: ProjectAsk) -> ProjectDocument | Unchanged | UpstreamError:
        return asked(self.upstream, ask)

    def document(self, name: str, index: str = "") -> ProjectDocument:
        answer = self.ask(ProjectAsk(name, index=index))
        assert isinstance(answer, ProjectDocument), answer
        return answer

    def asked(self, index: str) -> list[str]:
        """The paths that an index was asked for."""
        found = next(one for one in self._indexes if one.name == index)
        return [entry.path for entry in found.log.entries]


def versions(document: ProjectDocument) -> set[str]:
    return {file.filename.split("-")[1] for file in document.files}


def test_a_private_project_is_not_taken_from_the_public_index() -> None:
    several = Several(OWN, PUBLIC)
    several.worlds["own"].publish("acme-core", "1.2")
    several.worlds[ENDPOINT].publish("acme-core", "99")
    found = several.document("acme-core")
    assert (found.index, versions(found)) == ("own", {"1.2"})
    assert several.asked(ENDPOINT) == []


def test_the_first_index_that_has_a_project_counts() -> None:
    several = Several(COMPANY, PUBLIC)
    several.worlds["company"].publish("a", "1.0")
    several.worlds[ENDPOINT].publish("a", "2.0")
    several.worlds[ENDPOINT].publish("b", "1.0")
    assert versions(several.document("a")) == {"1.0"}
    assert several.asked(ENDPOINT) == []
    assert several.document("b").index == ENDPOINT
    assert isinstance(several.ask(ProjectAsk("c")), Gone)


def test_an_index_that_is_down_is_no_reason_to_ask_another() -> None:
    several = Several(COMPANY, PUBLIC)
    several.worlds[ENDPOINT].publish("a", "99")
    several.worlds["company"].faults.fail("/simple/a/", 503)
    assert isinstance(several.ask(ProjectAsk("a")), Unreachable)
    assert several.asked(ENDPOINT) == []


@pytest.mark.parametrize("anew", [False, True])
def test_a_project_stays_with_its_index(*, anew: bool) -> None:
    """It is looked for elsewhere only if that is asked for."""
    several = Several(COMPANY, PUBLIC)
    several.worlds["company"].publish("b", "1.0")
    several.worlds[ENDPOINT].publish("a", "99")
    answer = several.ask(ProjectAsk("a", index="company", anew=anew))
    assert isinstance(answer, ProjectDocument if anew else Gone)
    assert bool(several.asked(ENDPOINT)) == anew


def test_what_is_reserved_is_never_asked_for_where_it_does_not_belong() -> None:
    several = Several(Share("own", ("acme-core",)), COMPANY, PUBLIC, reserved=("acme-*",))
    several.worlds["own"].publish("acme-core", "1.0")
    for index in ("company", ENDPOINT):
        several.worlds[index].publish("acme-secret", "99")
    assert several.document("acme-core").index == "own"
    for known in ("", "company", ENDPOINT):
        answer = several.ask(ProjectAsk("acme-secret", index=known))
        assert isinstance(answer, Gone)
        assert "reserved" in str(answer)
    assert several.asked("company") == several.asked(ENDPOINT) == []


def test_an_index_that_nothing_can_come_from_is_not_followed() -> None:
    """Nobody needs to reach PyPI for a mirror of the company's own index alone."""
    several = Several(Share("company", ("*",)), PUBLIC)
    assert [feed.name for feed in several.upstream.feeds] == ["company"]


def test_serials_and_validators_go_only_where_they_came_from() -> None:
    several = Several(COMPANY, PUBLIC)
    for world in several.worlds.values():
        world.publish("a", "1.0")
    first = several.document("a")
    assert first.validators.etag
    # The serial is the public index's, which says nothing about the company's.
    owed = ProjectAsk("a", serial=10**6, validators=first.validators, index="company", of=ENDPOINT)
    assert isinstance(several.ask(owed), Unchanged)
    elsewhere = ProjectAsk("a", validators=first.validators, index=ENDPOINT, anew=True)
    assert isinstance(several.ask(elsewhere), ProjectDocument)


def test_a_union_holds_the_files_of_all_and_tells_of_names_with_other_bytes() -> None:
    several = Several(COMPANY, PUBLIC, union=("a",))
    several.worlds["company"].publish("a", "1.0")
    several.worlds[ENDPOINT].publish("a", "1.0", requires=["b"])  # other bytes
    several.worlds[ENDPOINT].publish("a", "2.0")
    found = several.document("a")
    assert {(file.filename, file.index) for file in found.files} == {
        ("a-1.0-py3-none-any.whl", ""),
        ("a-2.0-py3-none-any.whl", ENDPOINT),
    }
    assert found.index == "company"
    [skipped] = found.skipped
    assert skipped.what == "a-1.0-py3-none-any.whl"
    assert "endpoint has other bytes under this name than company" in skipped.reason
    known = ProjectAsk("a", validators=found.validators, index="company")
    assert isinstance(several.ask(known), Unchanged)
    several.worlds["company"].faults.fail("/simple/a/", 503)
    assert isinstance(several.ask(ProjectAsk("a", index="company")), Unreachable)


def test_files_and_releases_are_asked_of_their_index() -> None:
    several = Several(COMPANY, PUBLIC)
    for index, world in several.worlds.items():
        world.publish("a", "1.0", requires=[f"from-{index}"])
    for index in several.worlds:
        requires = asked(several.upstream, RequiresAsk("a", "1.0", index))
        assert requires == (f"from-{index}",)
        known = asked(several.upstream, VulnerabilitiesAsk("a", "1.0", index))
        assert known == ()
    deposit = MemoryDeposit()
    file = several.document("a").files[0]
    ask = FileAsk(file.url, "p", file.sha256, file.size, index="company")
    error = asked(several.upstream, ask, deposit)
    assert error is None


def test_what_came_from_an_index_that_is_not_configured_any_more_waits() -> None:
    several = Several(COMPANY, PUBLIC)
    ask = FileAsk("http://old.test/f", "p", "", index="old")
    error = asked(several.upstream, ask, MemoryDeposit())
    assert isinstance(error, Unreachable)
    answer = asked(several.upstream, RequiresAsk("a", "1", "old"))
    assert isinstance(answer, Unreachable)
    assert several.asked("company") == several.asked(ENDPOINT) == []


def test_an_index_without_the_json_api_knows_no_vulnerabilities() -> None:
    several = Several(COMPANY, PUBLIC)
    for world in several.worlds.values():
        world.publish("a", "1.0")
        world.faults.json_api = False
    known = asked(several.upstream, VulnerabilitiesAsk("a", "1.0", "company"))
    assert known == ()
    known = asked(several.upstream, VulnerabilitiesAsk("a", "1.0", ENDPOINT))
    assert isinstance(known, Gone)
