"""Files that no part can hold are cut: how, and whether pieces make up their file again.

The pieces of a file follow each other, and nothing comes between them.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from pypisync.core.bundles.manifest import Member, Piece


def cut(entry: Member, most: int) -> Iterator[Member]:
    """Yields the pieces of a file, each of ``most`` bytes but the last.

    Their hashes are those of the whole file, for whoever has its bytes to replace them.
    """
    for offset in range(0, entry.size, most):
        size = min(most, entry.size - offset)
        yield replace(entry, size=size, of=Piece(offset, entry.size, entry.sha256))


def fault(before: Member | None, entry: Member | None) -> str:
    """Returns why ``entry`` cannot come behind ``before``; "" if it can.

    Both may be pieces; None: nothing is there.
    """
    if before is not None and before.of is not None and not before.ends:
        offset = before.of.offset + before.size
        wanted = replace(before.of, offset=offset)
        if entry is None or entry.path != before.path or entry.of != wanted:
            return f"the piece of {before.path} at byte {offset} is to come next, and does not"
    elif entry is not None and entry.of is not None and entry.of.offset:
        return f"{entry.path} begins with a piece at byte {entry.of.offset}"
    if entry is None or entry.of is None:
        return ""
    if not 0 < entry.size < entry.of.size or entry.of.offset + entry.size > entry.of.size:
        return f"a piece of {entry.path} has {entry.size} bytes of {entry.of.size}"
    return ""
