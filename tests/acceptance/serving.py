"""The static tree behind two kinds of web server.

``html``: a plain file server that knows nothing of indexes. ``json``: one that picks the page by
the client's Accept header, as a web server with the settings in the README does.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

Kind = Literal["html", "json"]
KINDS: tuple[Kind, ...] = ("html", "json")
JSON = "application/vnd.pypi.simple.v1+json"
PAGES, FILES = "max-age=600", "max-age=365000000, immutable, public"


class _Plain(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: a test that fails shows what the client said."""

    def list_directory(self, path: object) -> None:
        """A folder without an index is no page."""
        self.send_error(403)


class _Negotiating(_Plain):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".v1_json": JSON}  # noqa: RUF012
    index_pages = ("index.html",)

    def translate_path(self, path: str) -> str:
        asked = super().translate_path(path)
        page = Path(asked) / "index.v1_json"
        wants = JSON in self.headers.get("Accept", "")
        return str(page) if wants and path.endswith("/") and page.is_file() else asked

    def send_response(self, code: int, message: str | None = None) -> None:
        """A client need not ask again at once, nor ever for a file."""
        super().send_response(code, message)
        if code == 200:
            caching = FILES if self.path.startswith("/packages/") else PAGES
            self.send_header("Cache-Control", caching)


@contextmanager
def serve(tree: Path, kind: Kind) -> Iterator[str]:
    """Serve ``tree``; gives the address of its index."""
    handler = partial(_Plain if kind == "html" else _Negotiating, directory=str(tree))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
