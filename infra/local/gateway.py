"""Where the SDK's calls end: every AWS call of this process is answered here, by our fakes or by moto's.

It is a `before-send` hook of botocore, the same that moto uses, so handlers run the SDK unchanged: endpoints, signing,
serialising, error parsing. moto's own hook stays off: botocore calls every hook, and one call must not happen twice.
While no stack is running the hook lets every call pass.
"""

import functools
import io
import json
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore import handlers as botocore_handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.models import botocore_stubber

from infra.local.faults import Faults


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call: `service` and `operation` as botocore names them in its events (`sfn`, `StartExecution`)."""

    service: str
    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""

    def json(self) -> dict[str, Any]:
        """The body of a JSON protocol."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> "Answer":
        """A JSON answer; underscores in the names of headers become dashes."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **named})

    @classmethod
    def error(cls, code: str, message: str, status: int = 400) -> "Answer":
        """An AWS error in the JSON protocols' form."""
        return cls.of({"__type": code, "message": message}, status, x_amzn_errortype=code)


type Fake = Callable[[Call], Answer | None]
"""Answers a call, or None: let moto do it."""


class _Raw(io.BytesIO):
    def stream(self, **_kwargs: Any) -> Generator[bytes]:
        while chunk := self.read(65536):
            yield chunk


class Gateway:
    """Answers AWS calls while it is open."""

    def __init__(self, faults: Faults, in_handler: Callable[[], bool]) -> None:
        """No call is answered before `open`; only calls made while `in_handler()` meet `faults`."""
        self._faults = faults
        self._in_handler = in_handler
        self._fakes: dict[str, Fake] = {}
        # Not the scheduler's lock: a handler may call from threads of its own while it holds its turn.
        self._lock = threading.RLock()

    def serve(self, service: str, fake: Fake) -> None:
        """Ask `fake` first for every call of `service`."""
        self._fakes[service] = fake

    def open(self) -> None:
        """Answer this process's AWS calls from now on.

        Raises:
            RuntimeError: another stack of this process is open; moto's state is one per process.
        """
        if _open:
            msg = "another embedded stack is running in this process; stop it first"
            raise RuntimeError(msg)
        _open.append(self)

    def close(self) -> None:
        """Let calls pass again."""
        if self in _open:
            _open.remove(self)

    def answer(self, service: str, operation: str, request: AWSPreparedRequest) -> AWSResponse | None:
        """Answer one call, one at a time, through the faults."""
        with self._lock:
            if not self._in_handler():
                return self._proceed(service, operation, request)
            return self._faults.around_call(service, operation, lambda: self._proceed(service, operation, request))

    def _proceed(self, service: str, operation: str, request: AWSPreparedRequest) -> AWSResponse | None:
        fake = self._fakes.get(service)
        answer = fake(_call(service, operation, request)) if fake else None
        if answer is not None:
            return _response(request.url, answer.status, answer.headers, answer.body)
        mocked = botocore_stubber.process_request(request)
        if mocked is None:
            return None
        status, headers, body = mocked
        return _response(request.url, status, headers, body.encode() if isinstance(body, str) else body)


_open: Final[list[Gateway]] = []


def _response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AWSResponse:
    given: Any = dict(headers)
    return AWSResponse(url, status, given, _Raw(body))


def _call(service: str, operation: str, request: AWSPreparedRequest) -> Call:
    body: Any = request.body or b""
    raw = (
        body.encode() if isinstance(body, str) else bytes(body if isinstance(body, bytes | bytearray) else body.read())
    )
    headers = {str(name).lower(): _text(value) for name, value in request.headers.items()}
    where = urlsplit(request.url)
    return Call(service, operation, str(request.method), where.path, headers, raw, where.query)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _before_send(event_name: str, request: AWSPreparedRequest, **_kwargs: Any) -> AWSResponse | None:
    if not _open:
        return None
    _, service, operation = event_name.split(".", 2)
    return _open[-1].answer(service, operation, request)


botocore_handlers.BUILTIN_HANDLERS.append(("before-send", _before_send))

# Every function has sessions of its own and would read the same service models again: half of its cold start here.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
