"""A batch of draws: upstream, the mirror made of it, and both clients on both."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from pypisync.core.standards.requirements import parse
from pypisync.core.wanted.groups import Group
from pypisync.upstream.client import HttpUpstream, Settings
from tests.acceptance.product import environment_of_this_machine
from tests.acceptance.serving import serve
from tests.differential.cases import Ask, Case
from tests.differential.clients import Clients, Outcome, Pins, normal
from tests.differential.wheels import Release
from tests.recipe.mirrors import Bench
from tests.sim import dists
from tests.sim.documents import JSON_V1
from tests.sim.server import Server
from tests.sim.world import World

CLIENTS = ("pip", "uv")
Environment = Mapping[str, Sequence[str]]
_THIS_MACHINE = f"{sys.version_info[0]}.{sys.version_info[1]} linux-{os.uname().machine}"


@dataclass
class Compared:
    """What came of one thing that was asked of a draw."""

    case: Case
    verdict: str = ""
    why: str = ""
    pins: dict[str, Pins] = field(default_factory=dict)  # on record, by who chose them
    upstream: dict[str, Outcome] = field(default_factory=dict)  # by client
    mirror: dict[str, Outcome] = field(default_factory=dict)
    listed: dict[str, list[str]] = field(default_factory=dict)
    published: bool = True  # the proof: its pins are on the pages
    ask: Ask | None = None

    def faults(self) -> Iterator[str]:
        """What does not hold."""
        for client in self.upstream:
            here, there = self.mirror[client].pins, self.upstream[client].pins
            if there is not None and here != there:
                yield f"{client} installs {there} from upstream and {here} from the mirror"
            expected = self.pins.get(client, {}) if client in self.pins else {}
            recorded = {**self.pins.get("solver", {}), **expected}
            if not self.published:
                continue  # it waits, and the reason is on record
            if self.verdict == "proven" and here is None:
                yield f"proven, and {client} does not install it from the mirror"
            elif here and self.verdict == "proven" and not here.items() <= recorded.items():
                yield f"proven with {recorded}, and {client} installs {here}"
            if self.verdict == "refuted" and (here is not None or there is not None):
                yield f"refuted, and {client} installs {here or there}"
        yield from self._faults_of_blocked()

    def _faults_of_blocked(self) -> Iterator[str]:
        if self.verdict in ("proven", "refuted"):
            return
        # A final that stands in pip's way upstream need not be on the mirror.
        both = all(
            place.get(client) and place[client].pins is not None
            for place in (self.upstream, self.mirror)
            for client in CLIENTS
        )
        if both:
            yield f"{self.verdict or 'no verdict'}, and both clients install it"
        for client in self.upstream:
            found = self.upstream[client].pins is not None
            if self.why.startswith(f"{client} finds an installation") and not found:
                yield f"blocked, for {client} finds an installation, which it does not"

    def __str__(self) -> str:
        lines = [f"{self.case.prefix}, {self.ask}", *(f"    {told}" for told in self.case.told)]
        lines += [f"  {fault}" for fault in self.faults()]
        lines.append(f"  verdict {self.verdict}: {self.why}; on record {self.pins}")
        lines.append(f"  listed {self.listed}")
        for place, outcomes in (("upstream", self.upstream), ("mirror", self.mirror)):
            for client, one in outcomes.items():
                lines.append(f"  {client} on {place}: {one.pins} {one.said.strip()[-400:]}")
        return "\n".join(lines)


def compared(
    cases: Sequence[Case],
    folder: Path,
    *,
    html: bool = False,
    workers: int = 2,
    environment: Environment | None = None,
) -> list[Compared]:
    """Play all cases in one index and one mirror; ``html``: the index has no JSON.

    ``environment``: what the mirror is for; default: the machine of the tests.
    """
    world = World()
    world.faults.simple_json = not html
    with Server(world) as server:
        for case in cases:
            _publish(world, server.url, case, html=html)
        bench = _mirror(server.url, cases, folder / "mirror", environment)
        found = [Compared(case, ask=ask) for case in cases for ask in case.asks]
        _recorded(bench, found)
        with serve(bench.folder, "json") as mirror:
            places = {"upstream": f"{server.url}/simple/", "mirror": mirror}
            with ThreadPoolExecutor(workers) as pool:
                parts = [found[start::workers] for start in range(workers)]
                list(pool.map(lambda part: _install(part, places, folder), parts))
    return found


def _install(jobs: Sequence[Compared], places: dict[str, str], folder: Path) -> None:
    with Clients(folder) as clients:
        for job in jobs:
            assert job.ask is not None
            for place, index in places.items():
                for client in CLIENTS[1:] if job.ask.elsewhere else CLIENTS:
                    outcome = clients.install(client, index, job.ask, dry=job.case.dry)
                    getattr(job, place)[client] = outcome


def _mirror(
    url: str, cases: Sequence[Case], folder: Path, environment: Environment | None
) -> Bench:
    upstream = HttpUpstream(Settings(url, retries=0, pace=0.0), sleep=lambda _: None)
    asks = {ask.subject: ask for case in cases for ask in case.asks}.values()
    packages: dict[str, list[str]] = {}
    for ask in asks:
        if ask.key:
            packages.setdefault(ask.key, []).append(ask.selector)
    environment = environment or environment_of_this_machine()
    groups = [_group(ask) for ask in asks if not ask.key]
    bench = Bench(folder, upstream, packages, groups=groups, environment=environment)
    try:
        bench.sync()
    finally:
        upstream.close()
    return bench


def _group(ask: Ask) -> Group:
    lines, bounds = (tuple(map(parse, some)) for some in (ask.lines, ask.constraints))
    name = ask.subject.removeprefix("group ")
    return Group(name, resolve=True, requirements=lines, constraints=bounds)


def _recorded(bench: Bench, found: Sequence[Compared]) -> None:
    """Note what is on record of each subject on its machine, and what is on the pages."""
    meant: dict[tuple[str, str], Compared] = {}
    for one in found:
        assert one.ask is not None
        here = one.ask.elsewhere.target if one.ask.elsewhere else _THIS_MACHINE
        meant[one.ask.subject, here] = one
    rows = bench.query("SELECT subject, targets, verdict, why, published FROM v_proofs")
    for subject, targets, verdict, why, published in rows:
        for one in _of_targets(meant, subject, targets):
            one.verdict, one.why, one.published = verdict, why or "", bool(published)
    rows = bench.query("SELECT subject, targets, chosen_by, project, version FROM v_pins")
    for subject, targets, chosen_by, project, version in rows:
        for one in _of_targets(meant, subject, targets):
            one.pins.setdefault(chosen_by, {}).update(normal([(project, version)]))
    listed = bench.listed()
    for one in found:
        mine = {n: v for n, v in listed.items() if n.partition("-")[0] == one.case.prefix}
        one.listed = {name: sorted(versions) for name, versions in sorted(mine.items())}


def _of_targets(
    meant: Mapping[tuple[str, str], Compared], subject: str, targets: str
) -> Iterator[Compared]:
    """Yields what a row is about."""
    named = (meant.get((subject, target)) for target in targets.split(", "))
    return (one for one in named if one is not None)


def _publish(world: World, url: str, case: Case, *, html: bool = False) -> None:
    pages: dict[str, list[dict[str, Any]]] = {}
    # In the order of PyPI's pages: of equally good wheels pip takes the last one.
    for one in sorted(case.releases, key=lambda one: one.called):
        made = dists.built(one.content(), None if one.sdist else one.metadata())
        world.add_file(one.project, one.version, one.called, made)
        file = world.files[one.called]
        file.serves_metadata = one.serves_metadata
        served = one.serves_metadata and not one.sdist
        stated = {"sha256": made.metadata_sha256} if served else False
        entry = {
            "filename": one.called, "url": url + file.path, "hashes": {"sha256": made.sha256},
            "size": len(made.content), "upload-time": file.uploaded, "yanked": False,
            "requires-python": one.inside, "core-metadata": stated,
        }  # fmt: skip
        pages.setdefault(one.project, []).append(_odd(entry, one))
    for name, entries in pages.items():
        if html:
            body, kind = _html(name, entries), "text/html"
        else:
            page = {"meta": {"api-version": "1.4"}, "name": name, "files": entries}
            body, kind = json.dumps(page).replace("\\\\ud800", "\\ud800"), JSON_V1
        world.faults.body(f"/simple/{name}/", body.encode(), headers={"Content-Type": kind})


def _odd(entry: dict[str, Any], release: Release) -> dict[str, Any]:
    for key, value in release.entry:
        url = entry["url"]
        match value:
            case "SHA256 IN UPPER CASE":
                entry["hashes"] = {"sha256": entry["hashes"]["sha256"].upper()}
            case "RELATIVE":
                entry["url"] = "../../packages/" + url.partition("/packages/")[2]
            case "QUERY":
                entry["url"] = url + "?x=1"
            case "FRAGMENT":
                entry["url"] = url + "#sha256=" + "0" * 64
            case value if value is ...:
                entry.pop(key, None)
            case _:
                entry[key] = value
    return entry


def _html(name: str, entries: Sequence[dict[str, Any]]) -> str:
    links = "".join(map(_link, entries))
    head = f"<!DOCTYPE html><html><head><title>Links for {name}</title></head>"
    return f"{head}<body>{links}</body></html>"


def _link(entry: dict[str, Any]) -> str:
    hashes, metadata = entry.get("hashes"), entry.get("core-metadata")
    url, said = entry["url"], ""
    if isinstance(hashes, dict) and "sha256" in hashes:
        url += f"#sha256={hashes['sha256']}"
    if python := entry.get("requires-python"):
        said += f' data-requires-python="{escape(str(python))}"'
    if entry.get("yanked") not in (False, None):
        said += f' data-yanked="{escape(str(entry["yanked"]))}"'
    if isinstance(metadata, dict) and metadata.get("sha256"):
        said += f' data-core-metadata="sha256={metadata["sha256"]}"'
    return f'<a href="{escape(url)}"{said}>{escape(entry["filename"])}</a><br>'
