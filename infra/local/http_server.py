"""Listens: HTTP/1.1 with keep-alive on 127.0.0.1, handing each request to the edge whole.

Python's own server and not Werkzeug's, which closes every connection and looks 10 ms for more on each.
"""

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from infra.local.http_api import BODY_LIMIT_BYTES, Request, Response

HOST: Final = "127.0.0.1"
BODYLESS: Final = (204, 304)
IDLE_S: Final = 65
"""How long a silent connection is kept, in real seconds."""

DRAIN_LIMIT_BYTES: Final = 256 * 1024 * 1024
"""How much of a refused body is read, so that its client gets to see the refusal."""

STOP_POLL_S: Final = 0.05
"""How soon the server notices that it was told to stop, in real seconds."""

log = logging.getLogger(__name__)

type Handle = Callable[[Request], Response]


class BodyError(ValueError):
    """The body's framing cannot be read."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, handle: Handle, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.handle_whole = handle


class _Handler(BaseHTTPRequestHandler):
    """One connection. Output is buffered and sent at once: two small writes would cost 44 ms (Nagle, delayed ACK)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = IDLE_S
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        """Tell the client to go on sending, now."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the overridden method's own name
        """Say nothing: the product logs its own requests."""

    def version_string(self) -> str:
        """What the Server header says."""
        return "omnicascade-local"

    def _answer(self) -> None:
        try:
            request = Request(self.command, self.path, self.headers.items(), self._body(), str(self.client_address[0]))
            response = self.server.handle_whole(request)
        except BodyError as error:
            self.close_connection = True
            response = Response.of({"message": str(error)}, 400)
        except Exception:
            log.exception("the embedded stack failed at %s %s", self.command, self.path)
            response = Response.error(500, "stack_failed", "the embedded stack failed; its console says why")
        self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for key, value in response.headers:
            if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(key, value)
        if response.status not in BODYLESS:
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and response.status not in BODYLESS:
            self.wfile.write(response.body)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            msg = "Bad Content-Length"
            raise BodyError(msg)
        return self._bounded(int(length))

    def _chunked(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while size := self._chunk_size():
            total += size
            part = self._bounded(size)
            if total <= BODY_LIMIT_BYTES:
                parts.append(part)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts) if total <= BODY_LIMIT_BYTES else bytes(BODY_LIMIT_BYTES + 1)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(1024).partition(b";")[0].strip()
        try:
            return int(line, 16)
        except ValueError as error:
            msg = "Bad chunk"
            raise BodyError(msg) from error

    def _bounded(self, length: int) -> bytes:
        """Read `length` bytes; of a body beyond the limit only its excess is kept, and the connection ends."""
        if length <= BODY_LIMIT_BYTES:
            return self.rfile.read(length)
        self.close_connection = True
        left = min(length, DRAIN_LIMIT_BYTES)
        while left > 0 and (part := self.rfile.read(min(left, 1024 * 1024))):
            left -= len(part)
        return bytes(BODY_LIMIT_BYTES + 1)


class HttpServer:
    """A listening socket and the threads behind it."""

    def __init__(self, handle: Handle, port: int) -> None:
        """Bind at once (port 0: any free one).

        Raises:
            OSError: the port is taken.
        """
        self._server = _Server(handle, port)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> None:
        """Serve from a thread of its own."""
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": STOP_POLL_S},
            name="omnicascade-http",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; open connections end with the process."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
