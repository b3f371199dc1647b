"""Takes requests: the stack's own controls, AWS calls of real SDKs, and the product's HTTP API."""

import base64
import itertools
import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from infra.local.gateway import Gateway
from infra.local.http_api import BODY_LIMIT_BYTES, ApiRoute, Request, Response, Routes, api_event, api_response
from infra.local.lambda_runtime import LambdaRuntime
from infra.local.scheduler import Scheduler

STAFF_TOKEN: Final = "local-staff"  # noqa: S105 - the local stack's published token, worth nothing elsewhere
LOCAL_PREFIX: Final = "/local/"
_SIGNED: Final = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_TARGETS: Final = {"AWSStepFunctions": "states", "AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb"}
_EVENT_NAMES: Final = {"states": "sfn"}

log = logging.getLogger(__name__)


class Controls(Protocol):
    """The stack's own API under /local/."""

    def handle(self, request: Request) -> Response:
        """Answer one request to /local/."""
        ...


class HttpEdge:
    """Everything that arrives over HTTP, one request at a time."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        runtime: LambdaRuntime,
        gateway: Gateway,
        url: Callable[[], str],
        region: str,
    ) -> None:
        """Serve no route before `publish`."""
        self._scheduler = scheduler
        self._runtime = runtime
        self._gateway = gateway
        self._url = url
        self._region = region
        self._routes = Routes([])
        self._numbers = itertools.count(1)
        self.controls: Controls | None = None

    def publish(self, routes: Sequence[ApiRoute]) -> None:
        """Serve these routes from now on."""
        self._routes = Routes(routes)

    def handle(self, request: Request) -> Response:
        """Answer any request; never raises for what the product does."""
        if len(request.body) > BODY_LIMIT_BYTES:
            return Response.of({"message": "Request Entity Too Large"}, 413)
        with self._scheduler.turn():
            if self.controls is not None and request.path.startswith(LOCAL_PREFIX):
                return self.controls.handle(request)
            if service := _aws_service(request):
                return self._aws_call(request, service)
            return self._api_call(request)

    def _api_call(self, request: Request) -> Response:
        match = self._routes.match(request.method, request.path)
        if match is None:
            return Response.of({"message": "Not Found"}, 404)
        if match.route.guarded and request.header("authorization") != f"Bearer {STAFF_TOKEN}":
            return Response.error(401, "unauthorized", f"send 'Authorization: Bearer {STAFF_TOKEN}'")
        event = api_event(
            request,
            match,
            now=self._scheduler.clock.now(),
            number=next(self._numbers),
            domain=self._url().partition("://")[2],
        )
        answer = self._runtime.invoke(match.route.function, event)
        if answer.failed:
            log.error("%s failed on %s:\n%s", match.route.function, match.route.key, _trace(answer.payload))
            return Response.of({"message": "Internal Server Error"}, 500)
        try:
            return api_response(answer.payload)
        except (ValueError, TypeError) as error:
            log.error("%s answered %s with something unusable: %s", match.route.function, match.route.key, error)  # noqa: TRY400 - a handler's fault
            return Response.of({"message": "Internal Server Error"}, 500)

    def _aws_call(self, request: Request, service: str) -> Response:
        host = f"{service}.{self._region}.amazonaws.com" if service != "s3" else "s3.amazonaws.com"
        headers: Any = HTTPHeaders()
        for name, value in [*request.headers, ("Host", host)]:
            headers[name] = value
        prepared = AWSPreparedRequest(
            request.method, f"https://{host}{request.target}", headers, request.body, stream_output=False
        )
        target = request.header("x-amz-target") or ""
        answer = self._gateway.answer(_EVENT_NAMES.get(service, service), target.rpartition(".")[2], prepared)
        if answer is None:
            return Response.error(404, "unknown_service", f"the embedded stack does not serve {service}")
        return _plain(answer)


def _aws_service(request: Request) -> str | None:
    """The service an AWS client means: by its signature, or, unsigned, by the target it names."""
    if signed := _SIGNED.search(request.header("authorization") or ""):
        return signed["service"]
    prefix = (request.header("x-amz-target") or "").partition(".")[0]
    return _TARGETS.get(prefix) if request.path == "/" else None


def _plain(answer: AWSResponse) -> Response:
    skipped = ("content-length", "transfer-encoding", "connection")
    headers = [(str(key), str(value)) for key, value in answer.headers.items() if str(key).lower() not in skipped]
    return Response(answer.status_code, headers, answer.content)


def _trace(payload: object) -> str:
    if isinstance(payload, dict) and "stackTrace" in payload:
        return "\n".join(payload["stackTrace"])  # pyright: ignore[reportUnknownArgumentType]
    return json.dumps(payload)


def basic(write_key: str) -> tuple[str, str]:
    """The Authorization header an SDK sends for a write key."""
    return ("authorization", "Basic " + base64.b64encode(f"{write_key}:".encode()).decode())
