"""One customer's way through a journey if nobody reacts, or if everybody answers at once: the two ends of what may be.

Exists beside the rehearsal because it begins with a customer as they are in the table, not with a made-up one. Pure: it
asks the engine in the order in which the functions that move runs do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from omnicascade.domain.deployment import Deployment, Price
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Contact, Person
from omnicascade.domain.journeys.run import Decision, Run
from omnicascade.domain.profile import Profile
from omnicascade.domain.rehearsal.acts import acted
from omnicascade.domain.rehearsal.scenario import FeedbackKind, Reacts
from omnicascade.domain.rehearsal.stage import Quote

MOST_VISITS: Final = 1_000
"""Visits after which a way is cut short: a run that watches a condition may look at it again and again for a year."""

_ANSWERS: Final[tuple[FeedbackKind, ...]] = ("tap", "click", "visit", "reply", "delivered", "open")


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that would go out."""

    at: datetime
    send: Send
    price: Price
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """All that would happen to one customer.

    Attributes:
        messages: in order of time.
        decisions: of the run, from its start.
        visits: how often somebody would have to move the run.
        outcome: how it ends; empty where it does not within `MOST_VISITS`.
    """

    messages: tuple[Planned, ...]
    decisions: tuple[Decision, ...]
    visits: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Trail:
    """What every way of a plan shares.

    Attributes:
        quote: writes and prices one message for one customer.
        answering: whether every message is answered at once, by whatever its step takes for an answer.
    """

    journey: Journey
    deployment: Deployment
    quote: Callable[[Send, Run, Profile], Quote]
    answering: bool = False


def walk(trail: Trail, run: Run, person: Person) -> Way:
    """The way of a run that starts now, or goes on, to its end.

    Args:
        trail: the journey is the version the run is pinned to.
        run: as `engine.start` makes it; one that is over already goes nowhere.
        person: whom it is about, with the history that `engine.needs` asks for.
    """
    return _Walker(trail, run, person).walk()


class _Walker:
    """Virtual time for one run."""

    __slots__ = ("_messages", "_now", "_person", "_run", "_trail", "_visits")

    def __init__(self, trail: Trail, run: Run, person: Person) -> None:
        self._trail, self._run, self._person = trail, run, person
        self._now = run.started_at
        self._messages: list[Planned] = []
        self._visits = 0

    def walk(self) -> Way:
        while (moment := self._run.next_moment) is not None and self._visits < MOST_VISITS:
            self._now = max(self._now, moment)
            self._visits += 1
            self._visit()
        return Way(tuple(self._messages), self._run.decisions, self._visits, self._run.outcome or "")

    def _visit(self) -> None:
        journey, now = self._trail.journey, self._now
        while True:
            step = engine.advance(journey, self._run, self._person, self._trail.deployment, now)
            self._run = step.run
            match step.command:
                case Send() as send:
                    self._send(send)
                case SetTraits() as said:
                    profile = self._person.profile
                    profile = replace(profile, traits={**profile.traits, **said.traits})
                    self._person = replace(self._person, profile=profile)
                case CallWebhook() as call:
                    self._run = engine.record_call(journey, self._run, call.step, "called", "planned", now)
                case None:
                    return

    def _send(self, send: Send) -> None:
        journey, now = self._trail.journey, self._now
        quote = self._trail.quote(send, self._run, self._person.profile)
        if quote.outcome == "refused":
            self._run = engine.refuse(journey, self._run, send.message_id, quote.reason, now)
            return
        if quote.price is None:
            self._run = engine.record_outcome(
                journey, self._run, send.message_id, "failed", now=now, reason=quote.reason
            )
            return
        self._messages.append(Planned(now, send, quote.price, quote.text))
        self._run = engine.record_outcome(journey, self._run, send.message_id, "sent", now=now, cost=quote.price)
        kind = "transactional" if journey.transactional else "marketing"
        contact = Contact(now, send.message_id, send.channel, journey.name, kind)
        self._person = replace(self._person, contacts=(*self._person.contacts, contact))
        if self._trail.answering:
            self._answer(send)

    def _answer(self, send: Send) -> None:
        for kind in _ANSWERS:
            entry = self._run.entry_of(send.message_id)
            if entry is None or entry.answered_at is not None or not self._run.live:
                return
            known = [known.identifier for known in self._person.profile.identifiers]
            for event in acted(Reacts(self._now, kind, send.channel), entry, known, f"{send.message_id}-{kind}"):
                self._hear(event)

    def _hear(self, event: Event) -> None:
        self._run = engine.apply(self._trail.journey, self._run, event, self._now) or self._run
