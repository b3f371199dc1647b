"""What the intake accepts: Segment's HTTP API, checked call by call, with one code per fault.

Written by hand rather than with a schema library: it runs in the function that every event pays for, and a schema
library alone costs a quarter of that function's cold start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from omnicascade.contracts import INTAKE_CALLS
from omnicascade.domain.errors import InvalidInputError, MalformedBodyError, Problem, TooLargeError
from omnicascade.domain.json_text import depth, items, json_bytes, mapping

MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_BATCH_EVENTS: Final = 2_500
"""The contract's intake limits; 32 KB an event is Segment's (HTTP API source, "Max request size")."""

MAX_DEPTH: Final = 64
"""Nesting beyond this is an attack or a bug; the deepest call in Segment's spec has 6 levels."""

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Times outside are clock faults, not history."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused call: its place in the batch and why."""

    index: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class Accepted:
    """The good calls, ready for the queue, and the refused ones of the same batch."""

    calls: Sequence[Mapping[str, Any]]
    rejected: Sequence[Rejection] = ()


def accept(kind: str, body: object, *, received_at: datetime, new_id: Callable[[], str]) -> Accepted:
    """Check a request body and complete each call with type, messageId and corrected timestamp.

    Args:
        kind: the call that the path names, or `batch`.
        body: parsed JSON.
        received_at: the intake's clock (UTC).
        new_id: makes a message id for a call without one.

    Raises:
        MalformedBodyError: not an object; no `batch` list; no good call in it; or the single call is faulty.
        TooLargeError: a single call over 32 KB, or more than 2,500 calls.
    """
    request = mapping(body)
    if body is not request:
        raise MalformedBodyError("the body must be a JSON object", path="")
    if kind != "batch":
        call, problem = _complete(request, kind, request.get("sentAt"), received_at, new_id)
        if problem:
            raise _as_error(problem)
        return Accepted([call])
    return _accept_batch(request, received_at, new_id)


def _accept_batch(request: Mapping[str, Any], received_at: datetime, new_id: Callable[[], str]) -> Accepted:
    batch = request.get("batch")
    entries = items(batch)
    if batch is not entries:
        raise MalformedBodyError("`batch` must be a list of calls", code="missing_batch", path="batch")
    if len(entries) > MAX_BATCH_EVENTS:
        raise TooLargeError(f"a batch holds at most {MAX_BATCH_EVENTS} calls; send the rest in another", path="batch")
    calls, rejected = list[Mapping[str, Any]](), list[Rejection]()
    shared = mapping(request.get("context"))
    if shared and len(entries) * json_bytes(shared, 0) > MAX_BODY_BYTES:
        raise TooLargeError("the batch's `context` is too large to stand in every call of it", path="context")
    for index, entry in enumerate(entries):
        call = mapping(entry)
        if entry is not call:
            rejected.append(Rejection(index, Problem("", "wrong_type", "a call must be a JSON object")))
            continue
        if shared and isinstance(call.get("context"), dict | None):
            call = {**call, "context": {**shared, **mapping(call.get("context"))}}
        done, problem = _complete(
            call, call.get("type", call.get("action")), call.get("sentAt") or request.get("sentAt"), received_at, new_id
        )
        if problem:
            rejected.append(Rejection(index, problem))
        else:
            calls.append(done)
    if not calls:
        problems = tuple(r.problem for r in rejected)
        first = problems[0].message if problems else "the list is empty"
        raise MalformedBodyError(
            f"the batch has no good call: {first}", code="no_good_call", path="batch", problems=problems
        )
    return Accepted(calls, rejected)


def _as_error(problem: Problem) -> InvalidInputError:
    if problem.code == TooLargeError.code:
        return TooLargeError(problem.message, path=problem.path)
    return MalformedBodyError(problem.message, code=problem.code, path=problem.path)


def _complete(
    call: Mapping[str, Any], kind: object, sent_at: object, received_at: datetime, new_id: Callable[[], str]
) -> tuple[Mapping[str, Any], Problem | None]:
    call = _modern(call)
    problem = _problem_with(call, kind)
    if problem:
        return call, problem
    when, problem = _event_time(call, sent_at, received_at)
    if problem:
        return call, problem
    message_id = call.get("messageId")
    own_id = "" if message_id is None else str(message_id).strip()
    done = {name: value for name, value in call.items() if name not in ("writeKey", "batch")}
    done["type"] = kind
    done["messageId"] = own_id or new_id()
    done["timestamp"] = when.isoformat(timespec="milliseconds")
    return done, None


_FORMER_NAMES: Final = {"user_id": "userId", "anonymous_id": "anonymousId"}
"""Spellings that Segment's own spec still shows in some examples, as it shows `action` for `type`."""


def _modern(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call in today's spelling; `analytics.track({event, properties})`, which nests the call, is unfolded."""
    renamed = {new: call[old] for old, new in _FORMER_NAMES.items() if old in call and new not in call}
    nested = mapping(call.get("event"))
    if isinstance(nested.get("event"), str):
        return {**call, **renamed, **{name: value for name, value in nested.items() if value or name not in call}}
    return {**call, **renamed} if renamed else call


_MAPPINGS: Final = ("properties", "traits", "context")
_IDS: Final = ("userId", "anonymousId", "messageId", "groupId", "previousId")
_TEXTS: Final = ("event", "name")


def _problem_with(call: Mapping[str, Any], kind: Any) -> Problem | None:
    """The first thing wrong with a call; checks are in the order a client would mend them."""
    if kind not in INTAKE_CALLS:
        return Problem("type", "unknown_type", f"`type` must be one of {', '.join(INTAKE_CALLS)}")
    return _wrong_type(call) or _missing(call, kind) or _too_much(call)


def _wrong_type(call: Mapping[str, Any]) -> Problem | None:
    for name in _IDS:
        if isinstance(call.get(name), bool) or not isinstance(call.get(name), str | int | None):
            return Problem(name, "wrong_type", f"`{name}` must be a string")
    for name in _TEXTS:
        if not isinstance(call.get(name), str | None):
            return Problem(name, "wrong_type", f"`{name}` must be a string")
    for name in _MAPPINGS:
        if not isinstance(call.get(name), dict | None):
            return Problem(name, "wrong_type", f"`{name}` must be an object")
    return None


def _missing(call: Mapping[str, Any], kind: str) -> Problem | None:
    if kind == "track" and not _filled(call.get("event")):
        return Problem("event", "missing_event", "a track call needs `event`")
    if kind == "group" and not _filled(call.get("groupId")):
        return Problem("groupId", "missing_group_id", "a group call needs `groupId`")
    if not _names_somebody(call):
        remedy = "a call needs `userId`, `anonymousId` or another identifier that is not empty"
        return Problem("userId", "missing_identifier", remedy)
    return None


def _too_much(call: Mapping[str, Any]) -> Problem | None:
    if depth(call, MAX_DEPTH) > MAX_DEPTH:
        return Problem("", "too_deep", f"a call nests at most {MAX_DEPTH} levels")
    if json_bytes(call, MAX_EVENT_BYTES) > MAX_EVENT_BYTES:
        return Problem("", TooLargeError.code, f"a call has at most {MAX_EVENT_BYTES} bytes")
    return None


def _filled(value: object) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or (isinstance(value, int) and not isinstance(value, bool))


def _names_somebody(call: Mapping[str, Any]) -> bool:
    context = mapping(call.get("context"))
    device = mapping(context.get("device"))
    traits, more = mapping(call.get("traits")), mapping(context.get("traits"))
    candidates = [call.get("userId"), call.get("anonymousId"), device.get("id"), device.get("token")]
    candidates += [values.get(name) for values in (traits, more) for name in ("email", "phone")]
    candidates += [mapping(external).get("id") for external in items(context.get("externalIds"))]
    return any(_filled(candidate) for candidate in candidates)


def _event_time(call: Mapping[str, Any], sent_at: object, received_at: datetime) -> tuple[datetime, Problem | None]:
    """When it happened by our clock: `receivedAt - (sentAt - originalTimestamp)` (Segment spec, "Timestamps")."""
    name: Literal["originalTimestamp", "timestamp"] = (
        "originalTimestamp" if call.get("originalTimestamp") else "timestamp"
    )
    if call.get(name) in (None, ""):
        return received_at, None
    original = read_time(call[name])
    if original is None:
        message = f"`{name}` must be an ISO 8601 time between 1970 and 2200, such as 2026-03-01T09:30:00.000Z"
        return received_at, Problem(name, "bad_timestamp", message)
    sent = read_time(sent_at)
    if sent is None:
        return original, None
    corrected = received_at - (sent - original)
    return (corrected if EARLIEST <= corrected < LATEST else original), None


def read_time(value: object) -> datetime | None:
    """An ISO 8601 text (without zone: UTC) or Unix time in seconds or milliseconds as aware UTC, else None."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            if parsed.tzinfo is UTC:
                moment = parsed
            else:
                moment = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if EARLIEST <= moment < LATEST else None
