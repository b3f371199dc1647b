"""HTTP API routes of the staff API (payload format 2.0); the gateway has checked who calls."""

import json
import os
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger

from omnicascade.domain.errors import InvalidInputError, OmnicascadeError
from omnicascade.domain.json_text import mapping
from omnicascade.settings import Settings
from omnicascade.usecases.staff_calls import StaffRequest
from omnicascade.wiring.staff import staff_desk

logger = Logger()
desk = staff_desk(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one call; an error body has `code`, `message` and, where there are several, `errors` with their paths."""
    try:
        answer = desk.answer(_request(event))
    except InvalidInputError as error:
        return _response(error.status, _described(error))
    except OmnicascadeError as error:
        logger.exception("staff_call_failed", extra={"route": event["routeKey"]})
        if not error.retryable:
            raise
        return _response(503, {"code": "unavailable", "message": "try again"}, {"retry-after": "2"})
    return _response(answer.status, answer.body, answer.headers)


def _described(error: InvalidInputError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.path:
        body["path"] = error.path
    if error.problems:
        body["errors"] = [{"path": p.path, "code": p.code, "message": p.message} for p in error.problems]
    return body


def _request(event: Mapping[str, Any]) -> StaffRequest:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = b64decode(body).decode("utf-8", "replace")
    return StaffRequest(
        route=event["routeKey"],
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        body=body,
        asked=parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True),
        headers=event.get("headers") or {},
        caller=_caller(event),
    )


def _caller(event: Mapping[str, Any]) -> str:
    """Who calls, as the gateway's authorizer told: an IAM ARN, or a token's e-mail address or subject."""
    authorizer = mapping(mapping(event.get("requestContext")).get("authorizer"))
    claims = mapping(mapping(authorizer.get("jwt")).get("claims"))
    return str(mapping(authorizer.get("iam")).get("userArn") or claims.get("email") or claims.get("sub") or "")


def _response(status: int, body: Mapping[str, Any] | None, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    headers = {"cache-control": "no-store", **(more or {})}
    if body is None:
        return {"statusCode": status, "headers": headers}
    headers |= {"content-type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}
