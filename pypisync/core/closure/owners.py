"""Whose doing a selected release is: one root's alone, or several roots' together.

Counting all that each root reaches would cost a walk a root, and the sums would say little: most
roots reach the same common releases. What one root alone reaches is what goes if it goes.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

SHARED = ""

_T = TypeVar("_T", bound=Hashable)


def owners(starts: Mapping[str, Iterable[_T]], reach: Mapping[_T, Iterable[_T]]) -> dict[_T, str]:
    """For everything reached: the root that alone reaches it, or SHARED.

    ``starts``: what each root calls for itself, by the root's name (not empty); ``reach``: what
    leads where directly. Every step is walked twice at most.
    """
    owner: dict[_T, str] = {}
    todo: list[tuple[_T, str]] = [(node, root) for root, nodes in starts.items() for node in nodes]
    while todo:
        node, root = todo.pop()
        has = owner.get(node)
        if has in (root, SHARED):
            continue
        owner[node] = root if has is None else SHARED
        todo += [(below, owner[node]) for below in reach.get(node, ())]
    return owner
