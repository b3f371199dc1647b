"""Start runs by hand, and show what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from re import sub
from typing import Any, Final

from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.errors import (
    ConflictError,
    NotFoundError,
    Problem,
    StaleWriteError,
    UnacceptableError,
)
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import is_run_id
from omnicascade.domain.json_text import items, mapping
from omnicascade.usecases.audience.read_start import segment_to_start
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.move_runs import ATTEMPTS
from omnicascade.usecases.pause_sign import is_paused
from omnicascade.usecases.read_customer import known_customer
from omnicascade.usecases.show_runs import live_page, message_response, run_response
from omnicascade.usecases.start_run import begin, enter
from omnicascade.usecases.store_ports import CustomerStore, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

__all__ = ("RunDesk", "message_response", "run_response")

_STARTS: Final = ("profile", "profiles", "segment")
_EXPECTED: Final = 'expected {"profile": "email:ann@example.com"}, {"profiles": ["…"]} or {"segment": "vip"}'
_LONGEST_WORD: Final = 25
"""What is left of 80 characters for a segment, beside a journey's name (40) and the minute."""


@dataclass(frozen=True, slots=True)
class RunDesk:
    """Everything that starts and shows runs."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer

    def start_runs(self, name: str, body: object, *, now: datetime, new_id: Callable[[], str]) -> dict[str, Any]:
        """Start a journey for `{profile}`, `{profiles: […]}` or `{segment}`; the answer names the executions.

        A segment is one execution, which lists its members itself; asked for again within the same minute it is the
        same one.

        Raises:
            NotFoundError: no such journey, or one of the customers is not known; nobody was started.
            ConflictError: no customer may enter (a live run, re-entry, hold-out, the journey is paused or not active),
                or the segment is still being counted; the message says why.
            UnacceptableError: the body names nobody, or a segment that there is not.
        """
        given = mapping(body)
        if wrong := _wrong_with(given):
            raise UnacceptableError(wrong[0].message, problems=wrong)
        journey = self._journey_to_start(name)
        if "segment" in given:
            segment = segment_to_start(given["segment"], self.journeys.deployment()).name
            task = {"journey": name, "segment": segment}
            return {"execution_arn": self.timer.start(_audience_name(name, segment, now), task), "runs": []}
        references = _references(given)
        known = {reference: self._customer(reference) for reference in references}
        started = [
            self._started(journey, reference, customer, f"by hand {new_id()}", now)
            for reference, customer in known.items()
        ]
        first = next((one for one in started if "execution_arn" in one), None)
        if first is None:
            raise ConflictError(started[0]["message"], code=started[0]["code"])
        return {"execution_arn": first["execution_arn"], "runs": started}

    def _journey_to_start(self, name: str) -> Journey:
        journey = self._known_journey(name)
        if not journey.active:
            raise ConflictError(f"journey {name} is not active; put it again with `active: true`")
        if is_paused(self.journeys.listing(), name):
            raise ConflictError(f"journey {name} is paused; resume it first")
        return journey

    def _known_journey(self, name: str) -> Journey:
        journey = self.journeys.journey(name)
        if journey is None:
            known = [line.name for line in self.journeys.listing()]
            raise NotFoundError(f"there is no journey {name}{nearest(name, known)}")
        return journey

    def _customer(self, reference: str) -> Customer:
        return known_customer(reference, self.customers, self.journeys.deployment().identity)

    def _started(
        self, journey: Journey, reference: str, customer: Customer, occasion: str, now: datetime
    ) -> dict[str, Any]:
        for _ in range(ATTEMPTS):
            try:
                entry = enter(journey, customer, occasion=occasion, event=None, runs=self.runs, now=now)
            except StaleWriteError:
                customer = self._customer(reference)
                continue
            stored = entry.stored or self._not_begun(journey, customer)
            if stored is None:
                return {"profile": reference, "code": "not_entered", "message": entry.reason}
            run = stored.run
            if run.status != "live":
                return {"profile": reference, "run_id": run.run_id, "code": "not_entered", "message": run.reason}
            pinned = self.journeys.journey(run.journey, run.version) or journey
            arn = begin(stored, pinned, customer, self.journeys.deployment(), self.timer, now)
            return {"profile": reference, "run_id": run.run_id, "execution_arn": arn}
        raise StaleWriteError(f"{journey.name} keeps being entered by this customer")

    def _not_begun(self, journey: Journey, customer: Customer) -> StoredRun | None:
        """A live run that no sender has touched: an earlier start may have died before its timer was started.

        Starting the timer again is harmless, and without one the run would live for ever.
        """
        for stored in customer.runs:
            ours = (stored.run.journey, stored.run.key) == (journey.name, None)
            if ours and not stored.token and not stored.run.ledger:
                return stored
        return None

    def show_runs(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        """A journey's runs: of the customer that `?profile=` names, newest first; else a page of all live ones.

        Args:
            name: of the journey.
            query: `profile`, or `limit` and `cursor`, as they came.

        Raises:
            NotFoundError: no such journey or customer.
            MalformedBodyError: `limit` or `cursor` are not what a page can be asked by.
        """
        self._known_journey(name)
        reference = query.get("profile")
        if not reference:
            return live_page(name, query, self.runs)
        members = self._customer(reference).profile.members
        return {"runs": [run_response(run) for run in self.runs.runs_of(members, name)], "cursor": None}

    def show_run(self, run_id: str) -> dict[str, Any]:
        """One run with every decision and message, and what it waits for.

        Raises:
            NotFoundError: no such run.
        """
        stored = self.runs.load(run_id) if is_run_id(run_id) else None
        if stored is None:
            raise NotFoundError(f"there is no run {run_id}")
        return run_response(stored.run)

    def show_message(self, message_id: str) -> dict[str, Any]:
        """A message by the provider's id.

        Raises:
            NotFoundError: no provider ever confirmed it.
        """
        message = self.runs.find_message(message_id)
        if message is None:
            raise NotFoundError(f"there is no message {message_id}")
        return message_response(message)


def _wrong_with(given: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a body apart from the names in it: unknown keys, or not exactly one of the known ones."""
    unknown = [key for key in given if key not in _STARTS]
    if unknown:
        return [Problem(key, "unknown_key", f"unknown key '{key}'{nearest(key, _STARTS)}") for key in unknown]
    if len(given) != 1:
        return [Problem("profile", "missing_profile", f"{_EXPECTED}, and one of them only" if given else _EXPECTED)]
    return []


def _audience_name(journey: str, segment: str, now: datetime) -> str:
    """The execution of an audience: at most 80 letters, digits, - and _ (Step Functions, API reference, 2026-11)."""
    words = sub(r"[^a-z0-9-]", "-", segment)[:_LONGEST_WORD]
    return f"{journey}_{words}_{now:%Y%m%dT%H%M}"


def _references(given: Mapping[str, Any]) -> Sequence[str]:
    listed = [given["profile"]] if "profile" in given else list(items(given.get("profiles")))
    if not listed or not all(isinstance(reference, str) and reference for reference in listed):
        raise UnacceptableError(_EXPECTED, problems=[Problem("profile", "missing_profile", _EXPECTED)])
    return listed
