"""What a journal says of quarantines: it is believed before the page says so.

PyPI's journal has rows for projects and for single releases. The page may be old for a while (a
CDN), or away, and malware must not stay on the mirror's pages for so long.
"""

import re
from collections.abc import Collection

from msgspec import Struct, field

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import quarantine
from pypisync.catalog.facts.record import record_withdrawn
from pypisync.core.standards.model import Change
from pypisync.cycle.mirror import Mirror

_STATE = re.compile(r"(project|release) (quarantined|quarantine cleared)$")
_REMOVAL = re.compile(r"remove (project|release)$")


class Words(Struct):
    """The last words of a journal on quarantines, by normalised names."""

    # By (project, version), "" for the whole project: whether it is quarantined.
    states: dict[tuple[str, str], bool] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)  # projects, whatever was said of them before

    def hear(self, name: str, change: Change) -> None:
        """Take in the next row of the journal; most say nothing of this."""
        if found := _STATE.match(change.action):
            version = quarantine.WHOLE if found[1] == "project" else change.version
            if version is not None:
                self.states[name, version] = found[2] == "quarantined"
        elif found := _REMOVAL.match(change.action):
            if found[1] == "project":
                self.removed.add(name)
                self.states = {of: so for of, so in self.states.items() if of[0] != name}
            elif change.version:
                self.states[name, change.version] = False


def withdraw(mirror: Mirror, connection: Transaction, words: Words, names: Collection[str]) -> None:
    """Record what a journal says of these projects, and withdraw what is quarantined."""
    quarantine.removed(connection, words.removed.intersection(names))
    states = {of: so for of, so in words.states.items() if of[0] in names}
    quarantine.tell(connection, states, mirror.now())
    hidden = [of for of, so in states.items() if so]
    if hidden:
        record_withdrawn(connection, hidden, mirror.rules, mirror.now())
