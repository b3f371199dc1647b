"""HTTP API routes of the intake, its preflights, and every path that no other route knows (payload format 2.0)."""

import json
import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger

from omnicascade.domain.errors import InvalidInputError, UnavailableError
from omnicascade.domain.intake import Rejection
from omnicascade.settings import Settings
from omnicascade.usecases.ingest_events import IntakeRequest
from omnicascade.wiring.intake import Intake

logger = Logger()
ingest = Intake(Settings.from_environment(os.environ))

RETRY_AFTER_S = "5"


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request; nothing but a fault of ours is ever a 5xx."""
    headers: Mapping[str, str] = event.get("headers", {})
    http = event["requestContext"]["http"]
    if http["method"] == "OPTIONS":
        return {"statusCode": 200, "headers": _cors(headers)}
    try:
        rejected = ingest(_request(event, headers))
    except InvalidInputError as error:
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        body |= {"path": error.path} if error.path else {}
        refused = [Rejection(index, problem) for index, problem in enumerate(error.problems)]
        body |= {"rejected": _listed(refused)} if refused else {}
        return _answer(error.status, body, headers)
    except UnavailableError as error:
        logger.exception("intake_unavailable")
        body = {"code": "unavailable", "message": str(error)}
        return _answer(503, body, headers) | {"headers": _cors(headers) | _JSON | {"retry-after": RETRY_AFTER_S}}
    if not rejected:
        return _answer(200, {"success": True}, headers)
    logger.warning("calls_rejected", extra={"count": len(rejected), "first": rejected[0].problem.code})
    return _answer(200, {"success": True, "rejected": _listed(rejected)}, headers)


def _listed(rejected: Sequence[Rejection]) -> list[dict[str, Any]]:
    return [
        {"index": r.index, "code": r.problem.code, "message": r.problem.message}
        | ({"path": r.problem.path} if r.problem.path else {})
        for r in rejected
    ]


def _request(event: Mapping[str, Any], headers: Mapping[str, str]) -> IntakeRequest:
    body: str = event.get("body") or ""
    raw = b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    http = event["requestContext"]["http"]
    path = event["rawPath"] if http["method"] == "POST" else f"{http['method']} {event['rawPath']}"
    query = dict(parse_qsl(event.get("rawQueryString", "")))
    return IntakeRequest(path=path, body=raw, headers=headers, query=query)


_JSON = {"content-type": "application/json"}


def _answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": _cors(headers) | _JSON, "body": json.dumps(body)}


def _cors(headers: Mapping[str, str]) -> dict[str, str]:
    """Let any site post. Credentials mean nothing here (a write key can only write), yet beacons ask for them."""
    origin = headers.get("origin")
    if not origin:
        return {}
    asked = headers.get("access-control-request-headers")
    preflight = {
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": asked or "content-type",
        "access-control-max-age": "7200",
    }
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "vary": "origin",
    } | (preflight if asked or headers.get("access-control-request-method") else {})
