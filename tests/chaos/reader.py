"""A reader who never stops: every link that a page shows must lead to what the page says."""

import json
import threading
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPException
from random import Random
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

_JSON = "application/vnd.pypi.simple.v1+json"


class Reader:
    """Crawls a server from a thread of its own, and remembers what it found wrong."""

    def __init__(self, address: str, seed: int) -> None:
        self.faults: list[str] = []
        self.links = 0
        self._root = f"http://{address}/simple/"
        self._draw = Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._crawl, name="reader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the end."""
        self._stop.set()
        self._thread.join()

    def _crawl(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(OSError, HTTPException, ValueError):  # it may be killed at any time
                listed = json.loads(_get(self._root))["projects"]
                for project in self._draw.sample(listed, min(3, len(listed))):
                    self._page(urljoin(self._root, f"{project['name']}/"))

    def _page(self, url: str) -> None:
        text = _get(url)
        for file in json.loads(text)["files"]:
            link = urljoin(url, file["url"])
            try:
                content = _get(link)
            except HTTPError as error:
                # It may have gone together with its page; then the page is another one now.
                if _get(url) == text:
                    self.faults.append(f"{link}: {error.code}, and {url} lists it")
                continue
            self.links += 1
            if sha256(content).hexdigest() != file["hashes"]["sha256"]:
                self.faults.append(f"{link}: other bytes than {url} says")


def _get(url: str) -> bytes:
    with urlopen(Request(url, headers={"Accept": _JSON}), timeout=10) as answer:
        content: bytes = answer.read()
        return content
