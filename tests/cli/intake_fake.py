"""An intake that behaves like the public contract, over real HTTP, in this process.

Why it exists: retries, resuming and idempotency are promises about a conversation, so the tests hold one.
"""

import base64
import gzip
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

WRITE_KEY = "test-key"


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer out of the ordinary; `drop_after_storing` closes the connection instead of answering."""

    status: int = 503
    body: bytes = b'{"code": "unavailable", "message": "try later"}'
    headers: tuple[tuple[str, str], ...] = ()
    drop_after_storing: bool = False


@dataclass(slots=True)
class Intake:
    """What the fake has been told, and what it will say.

    Attributes:
        url: where it listens.
        script: answers for the next requests, first to last; afterwards it behaves.
        refuse: (code, message) for a call that must be rejected, or None.
        explains: whether the 400 of a batch without a good call lists why.
        received: every call of every batch that was stored, repeats included.
        batches: (number of calls, bytes of the body) of every request.
    """

    url: str = ""
    script: list[Scripted] = field(default_factory=list[Scripted])
    refuse: Callable[[dict[str, Any]], tuple[str, str] | None] = lambda _: None
    explains: bool = True
    received: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    batches: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @property
    def stored(self) -> dict[str, dict[str, Any]]:
        """The calls by messageId, as a deployment keeps them: the first of each counts."""
        first: dict[str, dict[str, Any]] = {}
        for call in self.received:
            first.setdefault(call["messageId"], call)
        return first

    @property
    def repeats(self) -> int:
        """How many calls came more than once."""
        return sum(times - 1 for times in Counter(call["messageId"] for call in self.received).values())

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a decompressed batch as the contract says."""
        calls: list[dict[str, Any]] = json.loads(body)["batch"]
        self.batches.append((len(calls), len(body)))
        refused = [(i, answer) for i, call in enumerate(calls) if (answer := self.refuse(call))]
        bad = {i for i, _ in refused}
        self.received += [call for i, call in enumerate(calls) if i not in bad]
        rejected = [{"index": i, "code": code, "message": message} for i, (code, message) in refused]
        if len(rejected) == len(calls):
            answer = {"code": "no_good_call", "message": "the batch has no good call"}
            return 400, answer | ({"rejected": rejected} if self.explains else {})
        return 200, {"success": True, **({"rejected": rejected} if rejected else {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    intake: Intake

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        intake = self.intake
        scripted = intake.script.pop(0) if intake.script else None
        expected = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        if scripted and scripted.drop_after_storing:
            intake.take(gzip.decompress(body))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif scripted:
            self._answer(scripted.status, scripted.body, scripted.headers)
        elif self.path != "/v1/batch":
            self._answer(404, b'{"code": "not_found", "message": "no such path"}')
        elif self.headers["Authorization"] != f"Basic {expected}":
            self._answer(401, b'{"code": "unknown_key", "message": "no source has this write key"}')
        else:
            status, answer = intake.take(gzip.decompress(body))
            self._answer(status, json.dumps(answer).encode())

    def _answer(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        if not self.wfile.closed:
            try:
                super().finish()
            except OSError:
                return  # dropped on purpose

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the names in http.server
        return


def _handler_of(told: Intake) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        intake = told

    return Handler


@contextmanager
def listening() -> Generator[Intake]:
    """A fresh intake on a free port of this machine."""
    intake = Intake()
    server = HTTPServer(("127.0.0.1", 0), _handler_of(intake))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    intake.url = f"http://127.0.0.1:{server.server_port}"
    thread.start()
    try:
        yield intake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
