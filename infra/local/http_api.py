"""The HTTP API as a handler sees it: which route takes a request, the event it makes of it, the response it makes of
the answer.

Sources, all read 2026-11-21: API Gateway developer guide, "Working with AWS Lambda proxy integrations for HTTP APIs"
(payload format 2.0) and "Working with routes for HTTP APIs" (the most specific route wins). HTTP APIs hand over the
path decoded.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

BODY_LIMIT_BYTES: Final = 10 * 1024 * 1024
"""Source: API Gateway quotas for HTTP APIs, 2026-11-21."""

STAGE: Final = "$default"
TEXT_TYPES: Final = ("text/", "application/json", "application/javascript", "application/xml")
ACCOUNT: Final = "123456789012"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `target` is path and query as the client sent them, still encoded."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    @property
    def path(self) -> str:
        """The path, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """All values of one header, joined by commas; None when it is absent."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; cookies are headers here."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    @classmethod
    def of(cls, value: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> "Response":
        """A JSON response."""
        return cls(status, [("content-type", "application/json"), *headers], json.dumps(value).encode())

    @classmethod
    def error(cls, status: int, code: str, message: str) -> "Response":
        """A refusal in the product's own form."""
        return cls.of({"code": code, "message": message}, status)

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One route: its key, the function behind it, and whether the gateway asks who calls."""

    key: str
    function: str
    guarded: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A route and what its path parameters matched, decoded."""

    route: ApiRoute
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])


class Routes:
    """The route table."""

    def __init__(self, routes: Sequence[ApiRoute]) -> None:
        """Sort once, most specific first."""
        self._default = next((route for route in routes if route.key == STAGE), None)
        keyed = [route for route in routes if route.key != STAGE]
        self._patterns = [(_pattern(route.key), route) for route in sorted(keyed, key=_generality)]

    def match(self, method: str, path: str) -> Match | None:
        """The route for an encoded `path`, or None: API Gateway's own 404."""
        for (wanted, pattern), route in self._patterns:
            if wanted in (method, "ANY") and (found := pattern.fullmatch(path)):
                return Match(route, {name: unquote(value) for name, value in found.groupdict().items()})
        return Match(self._default) if self._default else None


def _generality(route: ApiRoute) -> tuple[list[int], int]:
    method, _, path = route.key.partition(" ")
    ranks = [2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in path.split("/")]
    return ranks, int(method == "ANY")


def _pattern(key: str) -> tuple[str, re.Pattern[str]]:
    method, _, path = key.partition(" ")
    parts: list[str] = []
    for part in path.split("/"):
        if part.endswith("+}"):
            parts.append(f"(?P<{part[1:-2]}>.+)")
        elif part.startswith("{"):
            parts.append(f"(?P<{part[1:-1]}>[^/]+)")
        else:
            parts.append(re.escape(part))
    return method, re.compile("/".join(parts))


def api_event(request: Request, match: Match, *, now: datetime, number: int, domain: str) -> dict[str, Any]:
    """The payload of format 2.0 for `request`."""
    headers = _joined([(key.lower(), value) for key, value in request.headers if key.lower() != "cookie"])
    cookies = [part.strip() for part in (request.header("cookie") or "").split(";") if part.strip()]
    path = unquote(request.path)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": f"local-{number}",
            "routeKey": match.route.key,
            "stage": STAGE,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query := _joined(parse_qsl(request.query, keep_blank_values=True)):
        event["queryStringParameters"] = query
    if match.parameters:
        event["pathParameters"] = dict(match.parameters)
    return event | _body(request)


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        return {}
    kind = (request.header("content-type") or "").strip().lower()
    if kind.startswith(TEXT_TYPES):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def api_response(answer: Any) -> Response:
    """What API Gateway makes of a handler's answer; an answer without statusCode is a body of its own.

    Raises:
        ValueError: the answer cannot be a response; the client gets a 500.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response.of(answer)
    fields: Mapping[str, Any] = cast("dict[str, Any]", answer)
    text = str(fields.get("body") or "")
    body = base64.b64decode(text) if fields.get("isBase64Encoded") else text.encode()
    named: Mapping[str, Any] = fields.get("headers") or {}
    cookies: Sequence[str] = fields.get("cookies") or []
    headers = [(key.lower(), str(value)) for key, value in named.items()]
    headers += [("set-cookie", cookie) for cookie in cookies]
    if body and not any(key == "content-type" for key, _ in headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    return Response(int(fields["statusCode"]), headers, body)
