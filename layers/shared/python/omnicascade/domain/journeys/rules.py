"""The rules around a run: who may enter, who may enter again, which event ends it or counts as its success.

Exists apart from the engine's moves because these are asked before there is a run, or of events alone.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from omnicascade.domain.conditions.comparisons import key_text
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.past import fits
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.durations import spell
from omnicascade.domain.event import Event, at_path
from omnicascade.domain.journeys.journey import EventEntry, EventRule, Journey
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.program import WaitFor
from omnicascade.domain.journeys.run import Run

LATEST: Final = timedelta(days=7)
"""An event that arrives later than this never starts a journey: the moment has passed. It may still end one. Source:
Maestra/Mindbox help centre, "What events can trigger a flow"."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no, and why."""

    ok: bool
    reason: str


def key_of(journey: Journey, event: Event) -> str | None:
    """The business key an event carries for this journey; None without a key, or where the event does not name it."""
    if not isinstance(journey.entry, EventEntry) or journey.entry.key is None:
        return None
    return key_text(at_path(event.body, journey.entry.key))


def late(event: Event) -> bool:
    """Whether an event arrived so long after it happened that it may no longer start anything."""
    return event.received_at - event.timestamp > LATEST


def admits(journey: Journey, event: Event, person: Person, deployment: Deployment) -> Verdict:
    """Whether an event starts a run of this journey for this customer, re-entry aside (`may_reenter`)."""
    entry = journey.entry
    if not isinstance(entry, EventEntry) or event.name != entry.event:
        return Verdict(ok=False, reason=f"{event.name} does not start {journey.name}")
    if not journey.active:
        return Verdict(ok=False, reason=f"{journey.name} is not active")
    if late(event):
        return Verdict(
            ok=False, reason=f"{event.name} happened more than {spell(LATEST)} before it arrived, too late to start"
        )
    if entry.key is not None and key_of(journey, event) is None:
        return Verdict(ok=False, reason=f"{event.name} does not say {entry.key}, the key of a run")
    if entry.where is None:
        return Verdict(ok=True, reason=f"{event.name} starts {journey.name}")
    facts = Facts(
        profile=person.profile,
        event=event.body,
        deployment=deployment,
        history=person.history,
        now=event.received_at,
    )
    return Verdict(*judge(entry.where, facts))


def may_reenter(journey: Journey, entries: int, last_started: datetime | None, live: bool, now: datetime) -> Verdict:
    """Whether the same customer with the same key may enter (again).

    Args:
        journey: whose re-entry rule is asked.
        entries: runs of this customer and key so far, ended or not.
        last_started: start of the latest of them (UTC).
        live: whether one of them is still live; it is never doubled.
        now: aware UTC.
    """
    rule = journey.reentry
    if live:
        return Verdict(ok=False, reason="a run of the same key is still live")
    if entries == 0:
        return Verdict(ok=True, reason="first entry")
    if rule.mode == "never":
        return Verdict(ok=False, reason="entered before, and re-entry is never")
    if rule.limit is not None and entries >= rule.limit:
        return Verdict(ok=False, reason=f"entered {entries} times, the limit is {rule.limit}")
    if rule.after is not None and last_started is not None and now - last_started < rule.after:
        return Verdict(
            ok=False, reason=f"last entered at {last_started.isoformat()}, less than {spell(rule.after)} ago"
        )
    return Verdict(ok=True, reason="re-entry allowed")


def held_out(journey: Journey, anchor: str) -> bool:
    """Whether a customer is in the journey's hold-out: a stable hash of both, the same in every run (`Run.anchor`)."""
    if journey.transactional or journey.holdout_percent <= 0:
        return False
    digest = hashlib.sha256(f"{journey.name}\n{anchor}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 * 100 < journey.holdout_percent


def held_out_any(journey: Journey, anchors: Iterable[str]) -> bool:
    """Whether a customer with several anchors, as a merge leaves them, is in the hold-out: by any of them."""
    return any(held_out(journey, anchor) for anchor in anchors)


def concerns(rule: EventRule, run: Run, event: Event) -> bool:
    """Whether an event fulfils an exit or goal rule of this run.

    Any arrival after the run's entry counts, also of an event with an earlier timestamp. A run without a key (started
    by hand) has nothing to match, so `match` does not narrow it: no message is better than one to a customer who acted.
    """
    return event.received_at >= run.entered_at and means(rule, run, event)


def means(rule: EventRule | WaitFor, run: Run, event: Event) -> bool:
    """Whether an event is the one that a rule or a wait means, whenever it came: name, key and `where`.

    `where` sees the event alone, as the format says: nothing of the customer, and not the run's entry event.
    """
    if event.name != rule.event:
        return False
    if rule.match is not None and run.key is not None and key_text(at_path(event.body, rule.match)) != run.key:
        return False
    return rule.where is None or fits(rule.where, event.body)
