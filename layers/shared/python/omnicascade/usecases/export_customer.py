"""Everything that is held of one customer, as JSON: for the customer who asks for it (GDPR, articles 15 and 20)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.event import Event
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.explain_customer import explain_response
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.page_events import read_cursor, show_cursor
from omnicascade.usecases.read_customer import consent_response, iso, profile_response
from omnicascade.usecases.show_runs import message_response, run_response
from omnicascade.usecases.store_ports import EventStore, RunStore

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of one page. A Lambda function answers at most 6 MB, and the answer travels as JSON text inside of JSON, which is how
it is measured here. Source: AWS Lambda developer guide, "Lambda quotas"."""

_EVENTS_A_READ: Final = 100


@dataclass(frozen=True, slots=True)
class ExportDesk:
    """Where everything is that is held of a customer."""

    events: EventStore
    runs: RunStore
    deployment: Deployment
    most_bytes: int = MOST_BYTES

    def export(self, customer: Customer, cursor: str | None, now: datetime) -> dict[str, Any]:
        """A page: on the first one the profile and all that is known beside the events; then events, oldest first.

        Going on with the page's `cursor` loses no event and repeats none; None: this was the last page.

        Raises:
            MalformedBodyError: the cursor is not ours.
        """
        place = read_cursor(cursor)
        page: dict[str, Any] = {"profile_id": customer.profile.profile_id, "exported_at": iso(now)}
        page |= self._all_but_events(customer) if cursor is None else {}
        shown, place = self._events(customer, place, self.most_bytes - _weight(page))
        return page | {"events": shown, "cursor": show_cursor(place)}

    def _all_but_events(self, customer: Customer) -> dict[str, Any]:
        profile = customer.profile
        runs = self.runs.runs_of(profile.members)
        return {
            "profile": profile_response(profile, self.deployment),
            "consent": consent_response(profile)["consent"],
            "suppressed": {
                address: {"reason": word.reason, "at": iso(word.at)} for address, word in profile.suppressed.items()
            },
            "identity": explain_response(customer, self.events, self.deployment.identity),
            "runs": [run_response(run) for run in runs],
            "messages": self._messages(runs),
        }

    def _messages(self, runs: Sequence[Run]) -> list[dict[str, Any]]:
        provider_ids = [entry.provider_id for run in runs for entry in run.ledger if entry.provider_id]
        found = filter(None, map(self.runs.find_message, provider_ids))
        return [message_response(message) for message in found]

    def _events(self, customer: Customer, place: str | None, room: int) -> tuple[list[dict[str, Any]], str | None]:
        """As many events as there is room for, one at least, and the place to go on from."""
        taken = list[dict[str, Any]]()
        while True:
            page = self.events.timeline(customer.profile.members, _EVENTS_A_READ, place, oldest_first=True)
            held = [_held(event) for event in page.events]
            weights = [_weight(event) for event in held]
            if sum(weights) <= room:
                taken, room, place = taken + held, room - sum(weights), page.cursor
                if place is None:
                    return taken, None
                continue
            fitting = _fitting(weights, room) or int(not taken)
            if fitting == 0:
                return taken, place
            cut = self.events.timeline(customer.profile.members, fitting, place, oldest_first=True)
            return taken + [_held(event) for event in cut.events], cut.cursor


def _fitting(weights: Sequence[int], room: int) -> int:
    """How many of the first ones have room together."""
    count = 0
    for weight in weights:
        room -= weight
        if room < 0:
            break
        count += 1
    return count


def _weight(value: Mapping[str, Any]) -> int:
    return len(json.dumps(json.dumps(value, ensure_ascii=False, default=str)))


def _held(event: Event) -> dict[str, Any]:
    return {
        "message_id": event.message_id,
        "type": event.type,
        "source": event.source,
        "timestamp": iso(event.timestamp),
        "received_at": iso(event.received_at),
        "identifiers": [str(identifier) for identifier in event.identifiers],
        "call": event.body,
    }
