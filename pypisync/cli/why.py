"""``why`` and ``why-not``: the ways from roots to a release, and what keeps one away."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured, count, show, show_json
from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from packaging.version import Version

    from pypisync.catalog.queries.why import OfProof, Reason, Way
    from pypisync.config.load import Config
    from pypisync.core.wanted.roots import Root

_WAYS = 10  # shown for one release; --json has them all
_CLIMB = 20_000  # nodes above one release that are looked at for them
_PROOFS = 3  # named for one root
_KEPT = {
    "held": "while a newer release is held",
    "frozen": "from before the index was frozen",
    "share": "although nothing asks for it, for too much would go at once (limits.dropped_share)",
}
_CHOSEN = {"solver": "", "tried": ", where installers look at it on the way"}

_PROJECT = re.compile(r"([^\[\]]*)(?:\[[^\[\]]*\]\s*)?")  # extras say nothing of a project
_What = Annotated[list[str], typer.Argument(metavar="NAME[==VERSION]", help="The project.")]


def why(what: _What, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show why a project's releases are mirrored.

    Every root that leads to a release is shown with a shortest way and the requirement of each
    step. A release that only a proof calls for, or that stays while something newer is held, says
    so. Exit code 1 if no release is selected; the reasons that are known are then shown.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.why import reasons
    from pypisync.catalog.queries.why_not import missing

    name, version = _parsed(what)
    settings = configured(config)
    with Reader(settings.database_url) as reader:
        found = reasons(reader, name, version, None if as_json else _CLIMB)
        reason = "" if found else missing(reader, name, version)
        listed = not found and _is_listed(reader, name, version)
    answer: dict[str, Any] = {"project": name, "version": version and str(version)}
    if found:
        several = bool(settings.indexes)
        lines = [line for one in found for line in _lines(one, several=several)]
        answer |= {"selected": True, "releases": [_object(one) for one in found]}
    else:
        label = name if version is None else f"{name}=={version}"
        stays = "; its page lists it still" if listed else ""
        lines = [clean(f"{label} is not selected: {reason}{stays}")]
        answer |= {"selected": False, "reason": reason, "listed": listed}
    if as_json:
        show_json(answer)
    else:
        typer.echo("\n".join(lines))
    raise typer.Exit(0 if found else 1)


def why_not(what: _What, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show why a project, or one version of it, is not in the mirror.

    Each line is one reason: no root wants it, the policy or a file rule leaves files out, it is
    held, no machine that is served can use its files, upstream does not have it or has not told
    yet. Exit code 0 if it is there after all, else 1.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.why_not import absence
    from pypisync.core.filters.file_rules import FilePolicy

    name, version = _parsed(what)
    settings = configured(config)
    policy = FilePolicy(settings.arch_exclude, settings.wheels, settings.sdists)
    machines, _ = settings.machines(datetime.now(UTC).date())
    with Reader(settings.database_url) as reader:
        found = absence(reader, name, version, policy, machines, several=bool(settings.indexes))
    findings = [(one.kind, one.text) for one in found.findings]
    findings += _asked(settings, name)
    if any(root.name == name and not root.selectors for root in settings.packages):
        findings.append(("taken out", "the configuration takes it out of its patterns"))
    if as_json:
        show_json(
            {
                "project": name,
                "version": version and str(version),
                "listed": found.listed,
                "findings": [{"kind": kind, "text": text} for kind, text in findings],
            }
        )
    else:
        show(name if version is None else f"{name}=={version}", ("", ""), findings)
    raise typer.Exit(0 if found.listed else 1)


def as_object(root: "Root") -> dict[str, str]:
    """Returns a root as JSON has it."""
    return {
        "project": root.project,
        "selector": root.selector,
        "extras": "=" if root.pinned else root.extras_text,
        "origin": root.shown,
    }


def _object(reason: "Reason") -> dict[str, Any]:
    from msgspec.structs import asdict

    ways = [asdict(way) | {"root": as_object(way.root)} for way in reason.ways]
    return {**asdict(reason), "ways": ways}


def _asked(settings: "Config", name: str) -> Iterator[tuple[str, str]]:
    """Yields where the project is looked for, if there is more than the one index."""
    from pypisync.core.wanted.assignment import RESERVED

    may_come_from = settings.assignment.indexes_of(name)
    if not may_come_from:
        yield "reserved", f"no index is asked for it: {RESERVED}"
    elif settings.indexes:
        yield "asked", f"it may come from {', then '.join(may_come_from)}"


def _parsed(words: list[str]) -> "tuple[str, Version | None]":
    """Returns the normalised name and version. Raises ConfigError."""
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    what = " ".join(words)
    text, given, version = what.partition("==")
    named = _PROJECT.fullmatch(text)
    try:
        normal = canonicalize_name(named[1].strip() if named else text, validate=True)
        return normal, Version(version) if given else None
    except ValueError:  # both errors of packaging are, and a number beyond all measure
        such = "==".join(what.split()) if len(what.split()) == 2 else "django==5.1"
        raise ConfigError([f'"{what}": must be a project such as "django" or "{such}"']) from None


def _is_listed(reader: Any, name: str, version: "Version | None") -> bool:
    from pypisync.catalog.queries.why_not import on_page

    texts = on_page(reader, name)
    return bool(texts) if version is None else str(version) in texts


def _lines(reason: "Reason", *, several: bool) -> Iterator[str]:
    from pypisync.core.standards.model import ENDPOINT

    release = f"{reason.project} {reason.version}"
    if not reason.ways:
        yield clean(f"{release}: selected, but no root leads to it any more")
    for way in reason.ways[:_WAYS]:
        yield clean(_line(way, release))
        for held, why in way.held[:_PROOFS]:
            yield clean(f"  {held} is held: {why}")
    more = len(reason.ways) - _WAYS
    if more > 0 or not reason.whole:
        least = "" if reason.whole else "at least "
        number = f"{least}{count(max(more, 0))} more" if more > 0 else "perhaps more"
        yield clean(f"  {release}: {number} of the roots that lead to it: --json has them all")
    if reason.indexes and (several or reason.indexes != (ENDPOINT,)):
        yield clean(f"  {release}: from the index {' and the index '.join(reason.indexes)}")
    if reason.held:
        yield clean(f"  held: {reason.held}")


def _line(way: "Way", release: str) -> str:
    parts = [_root(way)]
    for step in way.steps:
        extra = f"[{step.extra}]" if step.extra else ""
        verb = "is built with" if step.kind == "build" else "requires"
        parts.append(f'{step.project}{extra} {step.version} {verb} "{step.requirement}"')
    return " -> ".join([*parts, release])


def _root(way: "Way") -> str:
    from pypisync.core.wanted.roots import Origin

    root = way.root
    extras = f"[{root.extras_text}]" if root.extras else ""
    label = f"{root.project}{extras} {root.selector}"
    if root.origin == Origin.PROOF:
        return f"pinned by {_proofs(way.proofs)}: {label}"
    if root.origin == Origin.HELD and way.proofs and not way.held:
        return f"kept by {_proofs(way.proofs)} until newer pins are listed: {label}"
    if root.origin == Origin.HELD:
        return f"kept {_KEPT[way.kept]}: {label}"
    return named(root)


def named(root: "Root") -> str:
    """Returns a root that an operator wrote, as text."""
    from pypisync.core.wanted.roots import Origin

    extras = f"[{root.extras_text}]" if root.extras else ""
    if root.origin == Origin.GROUP:
        if root.pinned:
            return f'"{root.source}" names {root.project} {root.selector}'
        return f'"{root.source}" asks for {root.project}{extras} "{root.selector}"'
    pattern = f' (pattern "{root.source}")' if root.source else ""
    return f'root {root.project}{extras} "{root.selector}"{pattern}'


def _proofs(proofs: "tuple[OfProof, ...]") -> str:
    """Returns the proofs that have a release among their pins; a few of them."""
    named = [
        f"the proof of {one.subject} on {one.targets}"
        + _CHOSEN.get(one.chosen_by, f", for {one.chosen_by} chooses it")
        for one in proofs[:_PROOFS]
    ]
    more = [f"{count(len(proofs) - _PROOFS)} more"] if len(proofs) > _PROOFS else []
    return " and ".join(named + more) or "a proof"
