"""HTTP API routes `GET /l/{token}`, `GET /u/{token}` and `POST /u/{token}` (payload format 2.0)."""

import os
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools import Logger

from omnicascade.domain.machines import is_machine
from omnicascade.settings import Settings
from omnicascade.usecases.link_pages import Answer
from omnicascade.wiring.links import LinkFollower

logger = Logger()
links = LinkFollower(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request; trouble that the customer is spared is logged."""
    answer = _answer(event)
    if answer.trouble:
        logger.error("link_trouble", extra={"route": event["routeKey"], "reason": answer.trouble})
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body, "isBase64Encoded": False}


def _answer(event: Mapping[str, Any]) -> Answer:
    token = event["pathParameters"]["token"]
    if event["routeKey"] == "GET /l/{token}":
        return links.click(token, click_id=event["requestContext"]["requestId"], machine=_by_machine(event))
    if event["routeKey"] == "POST /u/{token}":
        return links.leave(token, everything=parse_qs(_body(event)).get("scope") == ["all"])
    return links.way_out(token)


def _by_machine(event: Mapping[str, Any]) -> bool:
    headers: Mapping[str, str] = event.get("headers", {})
    purpose = " ".join(headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    return is_machine(headers.get("user-agent", ""), purpose)


def _body(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    return b64decode(body).decode("utf-8", "replace") if event.get("isBase64Encoded") else body
