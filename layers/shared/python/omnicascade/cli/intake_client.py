"""Talking to a deployment's intake, patiently.

Why it exists: an import of hours must live through throttling, deployments and lost connections. Repeating a batch is
safe, because its messageIds are its rows'; so whatever may pass is tried again, and whatever may not stops with the
server's own words.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import httpx

from omnicascade.domain.errors import InvalidInputError, UnavailableError

BATCH_LIMIT_BYTES: Final = 400 * 1024
"""Well below the intake's own limit (4 MB), so that a repeated batch costs little."""

ATTEMPTS: Final = 8
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 60.0
_LONGEST_RETRY_AFTER_S: Final = 300.0
"""A server that asks for more than this is down: better to stop, and go on another day."""

_TIMEOUT_S: Final = 30.0
_RETRYABLE: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A call the intake refused: its place in the batch, a stable code, and a sentence."""

    index: int
    code: str
    message: str


class IntakeClient:
    """One deployment's `POST /v1/batch`. A context manager: it keeps a connection."""

    def __init__(
        self,
        url: str,
        write_key: str,
        *,
        sleep: Callable[[float], None],
        notice: Callable[[str], None],
        attempts: int = ATTEMPTS,
    ) -> None:
        self._client = httpx.Client(base_url=url, auth=(write_key, ""), timeout=_TIMEOUT_S)
        self._url, self._sleep, self._notice, self._attempts = url, sleep, notice, attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def deliver(self, calls: Sequence[bytes]) -> tuple[Rejection, ...]:
        """Return when every call is durably queued or refused by name.

        A batch without one good call is refused whole; where the answer does not list why, its halves are sent.

        Raises:
            UnavailableError: no answer that counts after all attempts; the batch may or may not be stored.
            InvalidInputError: the server refuses the whole batch; its code and message.
        """
        answer = self._post(calls)
        if answer is not None:
            return answer
        middle = len(calls) // 2
        later = self.deliver(calls[middle:])
        return (*self.deliver(calls[:middle]), *(replace(r, index=r.index + middle) for r in later))

    def _post(self, calls: Sequence[bytes]) -> tuple[Rejection, ...] | None:
        """The refused calls of one batch, or None when all are refused but not why each."""
        body = gzip.compress(b'{"batch":[' + b",".join(calls) + b"]}", compresslevel=6, mtime=0)
        trouble = ""
        for attempt in range(1, self._attempts + 1):
            wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                response = self._client.post("/v1/batch", content=body, headers=_HEADERS)
            except httpx.TransportError as error:
                trouble = f"no answer ({error or type(error).__name__})"
            else:
                if response.status_code not in _RETRYABLE:
                    return _outcome(response, len(calls))
                trouble = f"{response.status_code} {_words(_json_of(response))}".strip()
                asked_s = _retry_after_s(response)
                wait_s = wait_s if asked_s is None else asked_s
                if wait_s > _LONGEST_RETRY_AFTER_S:
                    raise UnavailableError(f"{self._url} asks to wait {wait_s:.0f} s: {trouble}")
            if attempt < self._attempts:
                self._notice(f"{trouble}; trying again in {wait_s:g} s ({attempt} of {self._attempts})")
                self._sleep(wait_s)
        raise UnavailableError(f"{self._url} did not take the batch in {self._attempts} attempts: {trouble}")


_HEADERS: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


_NO_GOOD_CALL: Final = "no_good_call"


def _outcome(response: httpx.Response, count: int) -> tuple[Rejection, ...] | None:
    answer = _json_of(response)
    rejections = _rejections(answer)
    if response.status_code == 200 and answer.get("success") is True:
        return rejections
    if response.status_code == 200 or "code" not in answer:
        message = f"the answer is {response.status_code}, but not an intake's; is the URL right?"
        raise InvalidInputError(message, code="not_an_intake")
    if response.status_code == 400 and len(rejections) == count:
        return rejections
    if response.status_code == 400 and count == 1:
        return (Rejection(0, str(answer["code"]), str(answer.get("message", ""))),)
    if response.status_code == 400 and answer["code"] == _NO_GOOD_CALL:
        return None
    hint = "; check --write-key" if response.status_code == 401 else ""
    message = f"the server refuses the batch: {response.status_code} {_words(answer)}{hint}"
    raise InvalidInputError(message, code=str(answer["code"]))


def _rejections(answer: Mapping[str, Any]) -> tuple[Rejection, ...]:
    return tuple(
        Rejection(int(item["index"]), str(item.get("code", "rejected")), str(item.get("message", "")))
        for item in answer.get("rejected") or ()
    )


def _json_of(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = json.loads(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _words(answer: Mapping[str, Any]) -> str:
    """The server's code, message and path, as far as it gives them."""
    words = [str(answer[name]) for name in ("code", "message") if answer.get(name)]
    return ": ".join(words) + (f" (at {answer['path']})" if answer.get("path") else "")


def _retry_after_s(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait, or None. Source: RFC 9110, 10.2.3: seconds or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
