"""The parts of uvicorn that a serving process is made of, without uvicorn's command line."""

import sys
from types import ModuleType

# uvicorn would bring in its command line with all of click, for which nobody here asks: 75 ms of
# processor time for every serving process.
_main = None
if "uvicorn" not in sys.modules:
    _main = ModuleType("uvicorn.main")
    _main.__dict__.update(Server=None, main=None, run=None)
    sys.modules[_main.__name__] = _main
from uvicorn.config import Config  # noqa: E402 - after the stand-in
from uvicorn.protocols.http.httptools_impl import (  # noqa: E402 - after the stand-in
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import Server  # noqa: E402 - after the stand-in

if _main is not None:
    del sys.modules[_main.__name__]

__all__ = ["Config", "HttpToolsProtocol", "RequestResponseCycle", "Server"]
