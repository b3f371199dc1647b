"""Builders for journey tests: a customer, events, and a small world that plays a journey on virtual time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.definition import load_definition
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Person
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
    _ids: "count[int]" = field(default_factory=count)

    def enter(self, entry: Event | None = None) -> "World":
        """Start the run, by an event or by hand, and do what is due at once."""
        key = engine.key_of(self.journey, entry) if entry else None
        self.run = engine.start(
            self.journey, run_id="r", person=Person(self.profile), key=key, event=entry, now=self.now
        )
        return self.move()

    def move(self) -> "World":
        """Everything due now."""
        step = engine.advance(self.journey, self.run, Person(self.profile), self.deployment, self.now)
        while step.send:
            self.sent.append(((self.now - START).total_seconds(), step.send.step, str(step.send.channel)))
            run = engine.record_outcome(
                self.journey,
                step.run,
                step.send.message_id,
                self.outcome,
                now=self.now,
            )
            step = engine.advance(self.journey, run, Person(self.profile), self.deployment, self.now)
        self.run = step.run
        return self

    def until(self, after: timedelta) -> "World":
        """Let time pass to a moment after the start; timers fire in between."""
        end = START + after
        while self.run.live and self.run.due is not None and self.run.due <= end:
            self.now = max(self.now, self.run.due)
            self.move()
        self.now = end
        return self

    def happens(self, name: str, **fields: Any) -> bool:
        """An event arrives now; whether the run took notice of it."""
        arrived = event(name, self.now, event_id=f"e{next(self._ids)}", **fields)
        moved = engine.apply(self.journey, self.run, arrived, self.now)
        if moved is not None:
            self.run = moved
            self.move()
        return moved is not None

    def channels(self) -> list[str]:
        """The channels used so far, in order."""
        return [channel for _, _, channel in self.sent]

    def outcomes(self) -> list[tuple[str, str]]:
        """Every decision as (step, outcome)."""
        return [(decision.step, decision.outcome) for decision in self.run.decisions]


def hours(number: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=number)
