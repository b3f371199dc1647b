"""Builders for journey tests: a customer, events, and a small world that plays a journey on virtual time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Contact, Person
from omnicascade.domain.journeys.run import Run, SendOutcome
from omnicascade.domain.profile import Consent, Counters, KnownIdentifier, Profile, ProfileId, Suppression

START = datetime(2026, 3, 10, 12, tzinfo=UTC)

ADDRESSES = {
    Channel.PUSH: Identifier("ios.push_token", "t"),
    Channel.EMAIL: Identifier("email", "ann@example.com"),
    Channel.SMS: Identifier("phone", "+48601234567"),
}

CASCADE: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart", "wait": "4h"}},
            {"email": {"template": "cart", "wait": "20h"}},
            {"sms": {"template": "cart"}},
        ]
    }
}


def customer(
    *channels: str,
    traits: Mapping[str, Any] | None = None,
    consent: Mapping[str, bool] | None = None,
    suppressed: tuple[str, ...] = (),
    profile_id: str = "p1",
) -> Profile:
    """A customer with an address on each named channel (none named: on all)."""
    known = [
        KnownIdentifier(ADDRESSES[Channel(name)], START, START, "web") for name in channels or ("push", "email", "sms")
    ]
    return Profile(
        profile_id=ProfileId(profile_id),
        members=(NodeId(profile_id),),
        identifiers=tuple(known),
        traits=traits or {},
        consent={key: Consent(granted, START, "web") for key, granted in (consent or {}).items()},
        suppressed={address: Suppression("hard bounce", START) for address in suppressed},
        counters=Counters(),
        first_seen=START,
        last_seen=START,
    )


def event(
    name: str,
    at: datetime = START,
    *,
    event_id: str = "m1",
    happened: datetime | None = None,
    context: Mapping[str, Any] | None = None,
    **properties: Any,
) -> Event:
    """A track event that arrives at `at`; page, screen and identify are named by their type."""
    kind = name if name in {"page", "screen", "identify"} else "track"
    body = {"type": kind, "event": name, "properties": properties, "context": dict(context or {})}
    return Event(MessageId(event_id), kind, name, "web", happened or at, at, (), body)


def journey(*steps: Mapping[str, Any], **fields: Any) -> Journey:
    """A journey with these steps (none: the reference cascade); other parts of the definition by keyword."""
    return load_definition({"name": "j", "steps": [dict(step) for step in steps] or [CASCADE], **fields})


def by_name(events: Iterable[Event]) -> dict[str, tuple[Event, ...]]:
    """A history as `Person` keeps it."""
    named: dict[str, tuple[Event, ...]] = {}
    for one in events:
        named[one.name] = (*named.get(one.name, ()), one)
    return named


@dataclass
class World:
    """Plays one run on virtual time, as the timer, a provider that takes everything, and the event road would."""

    journey: Journey
    profile: Profile = field(default_factory=customer)
    deployment: Deployment = field(default_factory=Deployment)
    now: datetime = START
    run: Run = field(init=False)
    sent: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    outcome: SendOutcome = "sent"
    contacts: tuple[Contact, ...] = ()
    history: list[Event] = field(default_factory=list[Event])
    said: list[SetTraits] = field(default_factory=list[SetTraits])
    calls: list[CallWebhook] = field(default_factory=list[CallWebhook])
    call_outcome: Literal["called", "failed"] = "called"
    _ids: "count[int]" = field(default_factory=count)

    def enter(self, entry: Event | None = None) -> "World":
        """Start the run, by an event or by hand, and do what is due at once."""
        key = engine.key_of(self.journey, entry) if entry else None
        self.history += [entry] if entry else []
        self.run = engine.start(self.journey, run_id="r", person=self.person, key=key, event=entry, now=self.now)
        return self.move()

    @property
    def person(self) -> Person:
        """The customer as the engine sees them now."""
        return Person(self.profile, by_name(self.history), self.contacts)

    def move(self) -> "World":
        """Everything due now."""
        step = engine.advance(self.journey, self.run, self.person, self.deployment, self.now)
        while step.command:
            run = self._carry_out(step.command, step.run)
            step = engine.advance(self.journey, run, self.person, self.deployment, self.now)
        self.run = step.run
        return self

    def _carry_out(self, command: Send | SetTraits | CallWebhook, run: Run) -> Run:
        match command:
            case Send():
                self.sent.append(((self.now - START).total_seconds(), command.step, str(command.channel)))
                return engine.record_outcome(self.journey, run, command.message_id, self.outcome, now=self.now)
            case SetTraits():
                self.said.append(command)
                return run
            case CallWebhook():
                self.calls.append(command)
                return engine.record_call(self.journey, run, command.step, self.call_outcome, "as told", self.now)

    def until(self, after: timedelta) -> "World":
        """Let time pass to a moment after the start; timers fire in between."""
        end = START + after
        while (moment := self.run.next_moment) is not None and moment <= end:
            self.now = max(self.now, moment)
            self.move()
        self.now = end
        return self

    def happens(self, name: str, **fields: Any) -> bool:
        """An event arrives now; whether the run took notice of it."""
        return self.hears(event(name, self.now, event_id=f"e{next(self._ids)}", **fields))

    def hears(self, arrived: Event) -> bool:
        """This event, perhaps once more; conditions are looked at again, as after every event of the customer."""
        if arrived not in self.history:
            self.history.append(arrived)
        moved = engine.apply(self.journey, self.run, arrived, self.now)
        seen = engine.observe(self.journey, moved or self.run, self.person, self.deployment, self.now)
        if moved is None and seen is None:
            return False
        self.run = seen or moved or self.run
        self.move()
        return True

    def channels(self) -> list[str]:
        """The channels used so far, in order."""
        return [channel for _, _, channel in self.sent]

    def reasons(self, outcome: str) -> list[str]:
        """Why, for every decision of that outcome."""
        return [decision.reason for decision in self.run.decisions if decision.outcome == outcome]

    def outcomes(self) -> list[tuple[str, str]]:
        """Every decision as (step, outcome)."""
        return [(decision.step, decision.outcome) for decision in self.run.decisions]


def hours(number: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=number)
