"""A batch of draws: upstream, the mirror made of it, and both clients on both."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from pypisync.upstream.client import HttpUpstream, Settings
from tests.acceptance.product import environment_of_this_machine
from tests.acceptance.serving import serve
from tests.differential.clients import Clients, Outcome, Pins, normal
from tests.differential.odd import Case
from tests.differential.wheels import Release
from tests.recipe.mirrors import Bench
from tests.sim import dists
from tests.sim.documents import JSON_V1
from tests.sim.server import Server
from tests.sim.world import World

CLIENTS = ("pip", "uv")


@dataclass
class Compared:
    """What came of one draw."""

    case: Case
    verdict: str = ""
    why: str = ""
    pins: dict[str, Pins] = field(default_factory=dict)  # on record, by who chose them
    upstream: dict[str, Outcome] = field(default_factory=dict)  # by client
    mirror: dict[str, Outcome] = field(default_factory=dict)
    listed: dict[str, list[str]] = field(default_factory=dict)
    published: bool = True  # the proof: its pins are on the pages

    def faults(self) -> Iterator[str]:
        """What does not hold."""
        for client in CLIENTS:
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
        # A final that stands in pip's way upstream need not be on the mirror.
        both = all(
            place[client].pins is not None
            for place in (self.upstream, self.mirror)
            for client in CLIENTS
        )
        if self.verdict not in ("proven", "refuted") and both:
            yield f"{self.verdict or 'no verdict'}, and both clients install it"

    def __str__(self) -> str:
        lines = [f"{self.case.prefix}: {'; '.join(self.case.told)}"]
        lines += [f"  {fault}" for fault in self.faults()]
        lines.append(f"  verdict {self.verdict}: {self.why}; on record {self.pins}")
        lines.append(f"  listed {self.listed}")
        for place, outcomes in (("upstream", self.upstream), ("mirror", self.mirror)):
            for client, one in outcomes.items():
                lines.append(f"  {client} on {place}: {one.pins} {one.said.strip()[-400:]}")
        return "\n".join(lines)


def compared(
    cases: Sequence[Case], folder: Path, *, html: bool = False, workers: int = 2
) -> list[Compared]:
    """Play all cases in one index and one mirror; ``html``: the index has no JSON."""
    world = World()
    world.faults.simple_json = not html
    with Server(world) as server:
        for case in cases:
            _publish(world, server.url, case, html=html)
        bench = _mirror(server.url, cases, folder / "mirror")
        found = {case.prefix: Compared(case) for case in cases}
        _recorded(bench, found)
        with serve(bench.folder, "json") as mirror:
            places = {"upstream": f"{server.url}/simple/", "mirror": mirror}
            jobs = [found[case.prefix] for case in cases]
            with ThreadPoolExecutor(workers) as pool:
                parts = [jobs[start::workers] for start in range(workers)]
                list(pool.map(lambda part: _install(part, places, folder), parts))
    return list(found.values())


def _install(jobs: Sequence[Compared], places: dict[str, str], folder: Path) -> None:
    with Clients(folder) as clients:
        for job in jobs:
            for place, index in places.items():
                for client in CLIENTS:
                    root = job.case.root + (f"=={job.case.pin}" if job.case.pin else "")
                    getattr(job, place)[client] = clients.install(client, index, root)


def _mirror(url: str, cases: Sequence[Case], folder: Path) -> Bench:
    upstream = HttpUpstream(Settings(url, retries=0, pace=0.0), sleep=lambda _: None)
    packages = {case.root: [case.pin or "latest"] for case in cases}
    bench = Bench(folder, upstream, packages, environment=environment_of_this_machine())
    try:
        bench.sync()
    finally:
        upstream.close()
    return bench


def _recorded(bench: Bench, found: dict[str, Compared]) -> None:
    rows = bench.query("SELECT subject, verdict, why, published FROM v_proofs")
    for subject, verdict, why, published in rows:
        one = found[subject.partition("-")[0]]
        one.verdict, one.why, one.published = verdict, why or "", bool(published)
    rows = bench.query("SELECT subject, chosen_by, project, version FROM v_pins")
    for subject, chosen_by, project, version in rows:
        pins = found[subject.partition("-")[0]].pins
        pins.setdefault(chosen_by, {}).update(normal([(project, version)]))
    for name, versions in bench.listed().items():
        if (prefix := name.partition("-")[0]) in found:
            found[prefix].listed[name] = sorted(versions)


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
