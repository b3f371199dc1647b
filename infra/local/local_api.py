"""The controls under /local/: look at what was sent, act as the customer, move the clock, start over. Never on AWS."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qs

from infra.local.customer_acts import CustomerActs, ImpossibleActError
from infra.local.durations import DurationError, parse_duration
from infra.local.execution import Execution
from infra.local.http_api import Request, Response
from infra.local.message_ledger import MessageLedger
from infra.local.outbox import Message, Outbox
from infra.local.webhooks import Webhooks

_ACT: Final = re.compile(r"/local/messages/(?P<id>[^/]+)/(?P<act>[a-z]+)")
_LONGEST: Final = timedelta(days=3660)


class Controlled(Protocol):
    """What the controls control: the stack."""

    @property
    def webhooks(self) -> Webhooks:
        """What was sent to others."""
        ...

    @property
    def outbox(self) -> Outbox:
        """What was sent."""
        ...

    @property
    def executions(self) -> list[Execution]:
        """All executions."""
        ...

    def now(self) -> datetime:
        """The virtual moment."""
        ...

    def settle(self) -> None:
        """Run everything due."""
        ...

    def advance(self, duration: str | timedelta) -> None:
        """Move the clock."""
        ...

    def reset(self) -> None:
        """Start over."""
        ...

    def logs(self, function: str | None = None) -> Mapping[str, list[str]]:
        """The functions' last lines."""
        ...


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class LocalApi:
    """Answers requests to /local/."""

    def __init__(self, stack: Controlled, ledger: MessageLedger, acts: CustomerActs) -> None:
        """Control `stack`."""
        self._stack = stack
        self._ledger = ledger
        self._acts = acts
        self._routes: Mapping[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/local/messages"): self._messages,
            ("POST", "/local/reset"): self._reset,
            ("POST", "/local/settle"): self._settle,
            ("GET", "/local/clock"): self._clock,
            ("POST", "/local/clock"): self._advance,
            ("GET", "/local/webhooks"): self._webhooks,
            ("GET", "/local/executions"): self._executions,
            ("GET", "/local/logs"): self._logs,
        }

    def handle(self, request: Request) -> Response:
        """Answer one request; every refusal is JSON with code and message."""
        try:
            if found := _ACT.fullmatch(request.path):
                return self._act(request, found["id"], found["act"])
            return self._route(request)(request)
        except _RefusedError as refusal:
            return Response.error(refusal.status, refusal.code, str(refusal))

    def messages(self, *, profile: str | None = None, channel: str | None = None) -> list[dict[str, Any]]:
        """Every message so far, as the contract lists it; `profile` is a profile id or `type:value`."""
        wanted = None if profile is None else self._ledger.survivor(profile)
        if profile is not None and wanted is None:
            return []
        survivors: dict[str, str | None] = {}
        listed: list[dict[str, Any]] = []
        for message in self._stack.outbox.messages:
            if channel not in (None, message.channel):
                continue
            entry = self._ledger.of(message)
            if wanted is None or self._survivor(entry.get("profile_id"), survivors) == wanted:
                listed.append(_shown(message, entry))
        return listed

    def _survivor(self, profile_id: str | None, known: dict[str, str | None]) -> str | None:
        if profile_id is None:
            return None
        if profile_id not in known:
            known[profile_id] = self._ledger.survivor(profile_id)
        return known[profile_id]

    def _route(self, request: Request) -> Callable[[Request], Response]:
        route = self._routes.get((request.method, request.path))
        if route is None:
            known = ", ".join(f"{method} {path}" for method, path in self._routes)
            if any(path == request.path for _, path in self._routes):
                raise _RefusedError(405, "method_not_allowed", f"the controls are {known}")
            raise _RefusedError(404, "not_found", f"the controls are {known}, POST /local/messages/{{id}}/{{act}}")
        return route

    def _messages(self, request: Request) -> Response:
        query = _query(request)
        return Response.of(self.messages(profile=query.get("profile") or None, channel=query.get("channel") or None))

    def _act(self, request: Request, message_id: str, act: str) -> Response:
        if request.method != "POST":
            raise _RefusedError(405, "method_not_allowed", "acts are POST requests")
        message = self._stack.outbox.find(message_id)
        if message is None:
            raise _RefusedError(
                404, "unknown_message", f"no message {message_id} was sent; GET /local/messages lists them"
            )
        try:
            self._acts.perform(act, message, _body(request))
        except ImpossibleActError as error:
            raise _RefusedError(409, "impossible_act", str(error)) from error
        return Response.of({"done": act})

    def _reset(self, request: Request) -> Response:
        del request
        self._stack.reset()
        return Response.of({"reset": True})

    def _settle(self, request: Request) -> Response:
        del request
        self._stack.settle()
        return Response.of({"settled": True, "now": _iso(self._stack.now())})

    def _clock(self, request: Request) -> Response:
        del request
        return Response.of({"now": _iso(self._stack.now())})

    def _advance(self, request: Request) -> Response:
        try:
            duration = parse_duration(_body(request).get("advance"))
        except DurationError as error:
            raise _RefusedError(400, "bad_duration", str(error)) from error
        if duration > _LONGEST:
            raise _RefusedError(400, "bad_duration", f"the clock moves at most {_LONGEST.days} days at a time")
        self._stack.advance(duration)
        return Response.of({"now": _iso(self._stack.now())})

    def _webhooks(self, request: Request) -> Response:
        del request
        return Response.of(
            [
                {
                    "id": one.id,
                    "at": _iso(one.at),
                    "url": one.url,
                    "headers": dict(one.headers),
                    "body": one.body,
                    "answered": one.answered,
                }
                for one in self._stack.webhooks.received
            ]
        )

    def _executions(self, request: Request) -> Response:
        del request
        return Response.of([_execution(execution) for execution in self._stack.executions])

    def _logs(self, request: Request) -> Response:
        return Response.of(self._stack.logs(_query(request).get("function")))


def _query(request: Request) -> dict[str, str]:
    # A plus is a plus here: `profile=phone:+48601234567` is how people type it.
    return {key: values[0] for key, values in parse_qs(request.query.replace("+", "%2B")).items()}


def _body(request: Request) -> Mapping[str, Any]:
    try:
        value = json.loads(request.body or b"{}")
    except ValueError as error:
        raise _RefusedError(400, "malformed", f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise _RefusedError(400, "malformed", "the body is no JSON object")
    return cast("Mapping[str, Any]", value)


def _shown(message: Message, entry: Mapping[str, Any]) -> dict[str, Any]:
    ledger = {key: entry.get(key) for key in ("journey", "run_id", "step", "profile_id", "cost")}
    headers = dict(message.headers) or dict(message.extra.get("attributes", {}))
    return {
        "id": message.id,
        "at": _iso(message.at),
        "channel": message.channel,
        "to": message.to,
        "subject": message.subject,
        "body": message.body,
        "html": message.html,
        **ledger,
        "headers": headers,
        **({"data": dict(message.data)} if message.channel == "push" else {}),
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "arn": execution.arn,
        "name": execution.name,
        "status": execution.status,
        "started": _iso(execution.started),
        "stopped": _iso(execution.stopped) if execution.stopped else None,
        "input": execution.input,
        "output": execution.output,
        "error": execution.error,
        "cause": execution.cause,
        "states": execution.entered,
        "transitions": execution.transitions,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
