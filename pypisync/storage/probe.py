"""Whether a folder can be what the configuration wants of it: looks, and leaves nothing behind."""

import os
import tempfile
from pathlib import Path

IN_THE_WAY = "something else stands where a folder is wanted: move it away"
_NOT_OURS = "the user that runs this may not write here"


def fault(folder: Path) -> str:
    """Returns why this process cannot write in ``folder``, or make it, and what to do; "": it can.

    Where the folder is missing, another one is made in the nearest that there is, and removed.
    """
    nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not os.path.isdir(nearest):  # noqa: PTH112 - is_dir() raises where access is denied
        return f"{nearest}: {IN_THE_WAY}"
    if nearest == folder:
        writable = os.access(folder, os.W_OK | os.X_OK)
        return "" if writable else f"{folder}: {_NOT_OURS}: run this as its owner, or chown -R it"
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".pypisync-", dir=nearest))  # noqa: PTH106 - a text
    except PermissionError:
        return f"{folder}: {_NOT_OURS} (in {nearest}): make it, and give it to that user"
    except OSError as error:
        return f"{folder}: cannot be made in {nearest} ({error.strerror}): choose another folder"
    return ""
