"""What the values in columns of the views mean, for the view ``v_statuses``."""

from collections.abc import Mapping

NO_PROJECT = "upstream has no such project"
"""Why a project is gone, unless its status_reason says that nobody was asked."""

MEANINGS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("v_projects", "status"): {
        "active": "upstream has it, and says nothing more of it (PEP 792)",
        "archived": "upstream has it, and its owner expects no more releases (PEP 792)",
        "deprecated": "upstream has it, and its owner advises against it (PEP 792)",
        "quarantined": "upstream has taken it off its index while it is examined (PEP 792)",
        "gone": f"{NO_PROJECT}, or status_reason says why none is asked for",
        "unseen": "it is only named by a requirement, or its document has still to be read",
    },
    ("v_releases", "knowledge"): {
        "unknown": "its requirements have not been read, for nothing has called for it",
        "wanted": "its requirements are to be read in the next cycle",
        "known": "its requirements have been read",
        "unavailable": "none of its files says what it requires",
    },
    ("v_releases", "source"): {
        "": "nothing was read",
        "metadata": "the .metadata files beside its wheels (PEP 658)",
        "wheel": "METADATA inside a wheel",
        "ranges": "METADATA inside a wheel that has been fetched in parts only so far",
        "json": "upstream's JSON API",
        "sdist": "PKG-INFO of its sdist, which is static (PEP 643)",
    },
    ("v_proofs", "verdict"): {
        "proven": "it installs there, with the pins in v_pins",
        "refuted": "no installer can install it there; why says the reason step by step",
        "undecided": "the search was given up when its budget was spent, or facts are missing",
        "blocked": "an installer fails on what every solution needs, or nobody says what it needs",
    },
    ("v_runs", "outcome"): {
        "running": "the cycle goes on, or its process has ended without a word",
        "done": "everything is as it should be",
        "incomplete": "something is held back or failed; report says what",
        "stopped": "it was asked to stop; the next one goes on from there",
        "failed": "it broke off; report says why",
    },
    ("v_pins", "chosen_by"): {
        "solver": "the installation that the proof found",
        "pip": "pip comes to this release instead",
        "uv": "uv comes to this release instead",
    },
    ("v_changes", "change"): {
        "came": "the generation lists the file, and the one before did not",
        "went": "the generation does not list the file, and the one before did",
    },
}
"""By view and column, what each value means."""


def query() -> str:
    """Returns a query for all of them, which reads no table."""
    rows = [
        f"SELECT {_text(view)} AS in_view, {_text(column)} AS in_column,"
        f" {_text(value)} AS value, {_text(meaning)} AS meaning"
        for (view, column), meanings in MEANINGS.items()
        for value, meaning in meanings.items()
    ]
    return " UNION ALL ".join(rows)


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
