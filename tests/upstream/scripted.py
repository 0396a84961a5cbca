"""A small HTTP server that answers as it was told, for what a well-behaved upstream never does."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int = 0  # the port it came from, which is another for each connection


@dataclass(frozen=True)
class Answer:
    """What to send; with ``cut`` only that many bytes of the body, and then nothing more."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    length: bool = True  # state Content-Length; else the end of the connection ends the body


Teller = Callable[[Asked], Answer]


def json(text: str, **headers: str) -> Answer:
    """An answer in the JSON form of the simple API."""
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    return Answer(200, text.encode(), kind | {k.replace("_", "-"): v for k, v in headers.items()})


def page(text: str = "<html>") -> Answer:
    """An HTML page, such as an error page of a cache in between."""
    return Answer(200, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def resumable(data: bytes, **fault: int) -> Teller:
    """A file that is served in ranges; ``cut`` ends every answer after so many bytes."""

    def tell(asked: Asked) -> Answer:
        match = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        start = int(match[1]) if match else 0
        if match and start >= len(data):
            return Answer(416)
        stated = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if match else {}
        return Answer(206 if match else 200, data[start:], stated, cut=fault.get("cut"))

    return tell


class Scripted:
    """Answers by path: one after the other, the last one again and again; else 404."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer | Teller]] = {}
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        # http.server waits this long between two looks for its own end.
        serve = {"poll_interval": 0.01}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def tell(self, path: str, *answers: Answer | Teller) -> None:
        self.script[path] = list(answers)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            answers = self.script.get(asked.path, [Answer(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Answer) else answer(asked)

    def __enter__(self) -> "Scripted":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # the client left
                    self.close_connection = True

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                port = self.client_address[1]
                asked = Asked(self.command, self.path, headers, body, port)
                self.send(script.answer(asked))

            do_POST = do_CONNECT = do_GET  # noqa: N815 - http.server looks for these names

            def send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.length and answer.status != 304:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: answer.cut])
                self.wfile.flush()
                self.close_connection = answer.cut is not None or not answer.length

            def log_message(self, *_: object) -> None:
                pass

        return Handler
