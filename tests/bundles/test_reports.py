"""What a fed mirror reports to the outside, where it may come by any hand."""

from pathlib import Path

import pytest

from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import FedReport
from pypisync.cycle import export, fed_report
from pypisync.errors import BundleError
from pypisync.storage import parts
from pypisync.storage.exports import Exports
from pypisync.storage.pool import Pool
from tests.bundles.links import Link
from tests.bundles.test_faults import replace_in
from tests.sim.world import World


@pytest.fixture
def link(link: Link, world: World) -> Link:
    """An inside at the second bundle."""
    for version in ("2.0", "3.0"):
        link.outside.sync()
        link.carry()
        world.publish("app", version)
    return link


def reported(link: Link) -> FedReport:
    with link.inside.catalog().begin() as connection:
        return fed_report.report(connection, Pool(link.inside.folder))


def export_for(link: Link, found: FedReport) -> Path:
    place = link.media / "report.json"
    place.write_bytes(manifest.to_line(found))
    made = link.export(fed_report.base_of(place, Exports(link.outside.folder))[0])
    assert made is not None
    return made[0]


def test_what_was_exported_need_not_be_remembered(link: Link) -> None:
    """As after a backup of the outside was restored: what it writes for a report leads on."""
    for record in (link.outside.folder / ".exports").glob("0*.json"):
        record.unlink()
    link.outside.sync()
    link.import_(export_for(link, reported(link)))
    link.check()
    assert link.carry() is None  # nothing is new, and the numbers go on
    assert Exports(link.outside.folder).numbers() == [3]


def test_a_report_brings_nothing_into_a_bundle(link: Link) -> None:
    """Else whoever carries it could have rows of his own signed outside."""
    found = reported(link)
    rows = 'roots","slice":0,"rows":[]}\n{"table":"projects'
    link.outside.sync()
    for lie in (
        replace_in(found, digests={**found.digests, rows: {0: "0" * 32}}),
        replace_in(found, digests={**found.digests, "settings": {}}),
        replace_in(found, digests={**found.digests, "projects": {-1: "0" * 32}}),
        replace_in(found, point=replace_in(found.point, sequence=999_999_999)),
    ):
        with pytest.raises(BundleError, match=r"report\.json"):
            export_for(link, lie)


def test_an_export_goes_on_with_the_parts_of_its_own_report(
    link: Link, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second report names other lost files, where the export for the first was cut off."""

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    world.publish("core", "1.0")
    world.publish("app", "9.0", requires=["core"])
    link.outside.sync()
    link.carry()
    base = Exports(link.outside.folder).newest()
    paths = [path for (path,) in link.outside.query("SELECT path FROM v_listed ORDER BY path")]
    catalog = link.outside.catalog()
    try:
        with monkeypatch.context() as cut_off:
            cut_off.setattr(export, "_repeat", cut)
            asked = export.Export(link.media, base, lost=paths[:1])
            with pytest.raises(KeyboardInterrupt):
                export.write_bundle(catalog, link.outside.folder, asked, link.outside.clock)
        asked = export.Export(link.media, base, lost=paths[1:2])
        made = export.write_bundle(catalog, link.outside.folder, asked, link.outside.clock)
    finally:
        catalog.close()
    assert made is not None
    [part] = made[1].parts
    held = [one.path for one in parts.read_list(link.media / part.name, part)]
    assert set(held) & set(paths) == {paths[1]}
