"""One customer's world on virtual time: events come, timers fire, messages go out, and everything is remembered.

The counterpart of the functions that move runs on the table: it decides nothing by itself, it only asks the engine in
the same order. Pure: no ports, no clock; the same scenario always plays alike.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits
from omnicascade.domain.journeys.journey import EventEntry
from omnicascade.domain.journeys.run import RUN_MARK_DIGITS, Decision, Run, make_run_id
from omnicascade.domain.rehearsal.acts import acted
from omnicascade.domain.rehearsal.audience import Membership, Rounds
from omnicascade.domain.rehearsal.customer import Customer
from omnicascade.domain.rehearsal.post import Post, Sent
from omnicascade.domain.rehearsal.scenario import (
    SOURCE,
    Arrives,
    Consents,
    Enters,
    Happening,
    Reacts,
    Scenario,
    consent_event,
    event_of,
)
from omnicascade.domain.rehearsal.stage import Purse, Stage

MOST_STEPS: Final = 10_000
"""Moves after which a rehearsal is given up: no journey that comes to rest takes so many for one customer."""

JOURNEY_SOURCE: Final = "journey"
"""The source of what journeys say about their customers."""


@dataclass(frozen=True, slots=True)
class Played:
    """All that happened.

    Attributes:
        messages: in the order in which they went out.
        runs: in the order in which they began.
        refusals: entries that came to nothing, and why.
        warnings: what was asked of the rehearsal and could not be done.
    """

    messages: tuple[Sent, ...]
    runs: tuple[Run, ...]
    refusals: tuple[Decision, ...]
    warnings: tuple[str, ...]


def rehearse(stage: Stage, scenario: Scenario, purse: Purse | None = None) -> Played:
    """Play one scenario to its end.

    Args:
        stage: shared by all customers.
        scenario: one customer's.
        purse: what budgets have been spent so far; left out, nothing.

    Raises:
        UnacceptableError: the journey never comes to rest.
    """
    return World(stage, scenario, purse if purse is not None else {}).play()


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the customer stands with one key."""

    run_id: str
    entries: int
    last_started: datetime


class World:
    """One customer and their runs of one journey."""

    def __init__(self, stage: Stage, scenario: Scenario, purse: Purse) -> None:
        self._stage, self._scenario = stage, scenario
        self._now = scenario.start
        self._past = [happening for happening in scenario.happenings if happening.at < scenario.start]
        self._customer = Customer(stage, scenario.opening)
        self._customer.learn(happening.event for happening in self._past if isinstance(happening, Arrives))
        self._membership = Membership(stage, self._customer, scenario.start)
        self._rounds = Rounds(stage, self._customer, scenario.start)
        self._runs: dict[str, Run] = {}
        self._live: dict[str, None] = {}
        self._slots: dict[str | None, _Slot] = {}
        self._anchor = ""
        self._post = Post(stage, self._customer, purse)
        self._refusals: list[Decision] = []
        self._warnings: list[str] = []
        self._heard = {happening.event.message_id for happening in self._past if isinstance(happening, Arrives)}
        self._steps = 0
        self._ids = 0

    def play(self) -> Played:
        """Everything from the start to the end, in order."""
        scenario = self._scenario
        for happening in scenario.happenings[len(self._past) :]:
            if happening.at > scenario.until:
                break
            self._pass(happening.at)
            self._happens(happening)
            self._settle()
        self._pass(scenario.until)
        return Played(
            tuple(self._post.messages), tuple(self._runs.values()), tuple(self._refusals), tuple(self._warnings)
        )

    # Time

    def _pass(self, end: datetime) -> None:
        """Let time go by: everything due until then, and at that moment, happens in order."""
        self._settle()
        while (moment := self._next_moment()) is not None and moment <= end:
            self._now = max(self._now, moment)
            self._step()
            turn, come = self._membership.turn, self._rounds.next
            if turn is not None and turn <= self._now:
                self._notice_membership()
            if come is not None and come <= self._now:
                self._come_round()
            self._settle()
        self._now = max(self._now, end)

    def _next_moment(self) -> datetime | None:
        moments = [self._runs[run_id].next_moment for run_id in self._live]
        found = [moment for moment in (*moments, self._membership.turn, self._rounds.next) if moment is not None]
        return min(found) if found else None

    def _settle(self) -> None:
        """Move every run that is due; a run may make another one due."""
        moved = bool(self._live)
        while moved:
            moved = False
            for run_id in list(self._live):
                run = self._runs[run_id]
                moment = run.next_moment if run.live else None
                if moment is not None and moment <= self._now:
                    self._move(run)
                    moved = True

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            where = self._now.isoformat()
            raise UnacceptableError(f"this rehearsal never comes to rest: it took {MOST_STEPS:,} steps until {where}")

    def _next_id(self) -> str:
        self._ids += 1
        return f"{SOURCE}-x{self._ids:06}"

    # What happens

    def _happens(self, happening: Happening) -> None:
        match happening:
            case Arrives(_, event):
                if event.message_id not in self._heard:  # delivered twice, it happened once
                    self._heard.add(event.message_id)
                    self._arrive(event)
            case Consents(at, words):
                for key, granted in words.items():
                    said = consent_event(
                        key, granted=granted, message_id=self._next_id(), at=at, known=self._customer.known
                    )
                    self._arrive(said)
            case Reacts():
                self._feedback(happening)
            case Enters():
                self._enter(None, None, f"by hand {self._now.isoformat()} {self._next_id()}")

    def _feedback(self, act: Reacts) -> None:
        """Something comes back to the latest message of a channel."""
        latest = self._post.latest(act.channel)
        entry = self._runs[latest.run_id].entry_of(latest.message_id) if latest else None
        if entry is None:
            self._warn(act, f"no {act.channel or ''} message has gone out yet".replace("  ", " "))
            return
        events = acted(act, entry, self._customer.known, self._next_id())
        if not events:
            self._warn(act, f"no {entry.channel} message brings such feedback")
        for event in events:
            self._arrive(event)

    def _warn(self, act: Reacts, why: str) -> None:
        after = (act.at - self._scenario.start).total_seconds()
        self._warnings.append(f"feedback {act.kind} after {after:g}s came to nothing: {why}")

    def _arrive(self, event: Event) -> None:
        """An event comes in: it ends and answers runs, is looked at again, and starts new ones, in this order."""
        self._step()
        self._customer.learn([event])
        journey, now = self._stage.journey, self._now
        reference = engine.message_reference(event)
        latest = {slot.run_id for slot in self._slots.values()}
        restarted = False
        for run_id, run in list(self._runs.items()):
            if not (run.live or run_id in latest or (reference and run.entry_of(reference))):
                continue
            moved = engine.apply(journey, run, event, now)
            if moved is not None:
                restarted = restarted or (moved.live and moved.pc == run.pc == 0 and moved.due != run.due)
                self._keep(moved)
        if self._stage.watched:
            self._observe()
        if isinstance(journey.entry, EventEntry) and journey.entry.event == event.name and not restarted:
            self._enter_by(event)
        self._notice_membership(event)

    def _observe(self) -> None:
        journey, deployment = self._stage.journey, self._stage.deployment
        for run_id in list(self._live):
            moved = engine.observe(journey, self._runs[run_id], self._customer.person, deployment, self._now)
            if moved is not None:
                self._keep(moved)

    # Entering

    def _enter_by(self, event: Event) -> None:
        journey = self._stage.journey
        verdict = engine.admits(journey, event, self._customer.person, self._stage.deployment)
        if verdict.ok:
            self._enter(engine.key_of(journey, event), event, event.message_id)
        else:
            self._refuse(verdict.reason)

    def _enter(self, key: str | None, event: Event | None, occasion: str) -> None:
        journey, now, slot = self._stage.journey, self._now, self._slots.get(key)
        entries, last = (slot.entries, slot.last_started) if slot else (0, None)
        live = slot is not None and slot.run_id in self._live
        verdict = engine.may_reenter(journey, entries=entries, last_started=last, live=live, now=now)
        if not verdict.ok:
            self._refuse(verdict.reason)
            return
        self._anchor = self._anchor or self._customer.profile.profile_id
        mark = sha256(occasion.encode("utf-8", "replace")).hexdigest()[:RUN_MARK_DIGITS]
        run_id = make_run_id(journey.name, self._customer.profile.profile_id, mark)
        run = engine.start(
            journey, run_id=run_id, person=self._customer.person, key=key, event=event, now=now, anchor=self._anchor
        )
        self._slots[key] = _Slot(run_id, entries + 1, now)
        self._keep(run)

    def _refuse(self, reason: str) -> None:
        self._refusals.append(Decision(self._now, "", "not_entered", reason))

    def _notice_membership(self, event: Event | None = None) -> None:
        """Who comes into the segment by an event has it as the entry event; one that came too late starts nothing."""
        occasion = self._membership.noticed(self._now)
        if occasion and not (event and engine.late(event)):
            self._enter(None, event, occasion)

    def _come_round(self) -> None:
        """The schedule's moment: an audience is started, and the customer is of it or not."""
        among, word = self._rounds.come(self._now)
        if among:
            self._enter(None, None, word)
        else:
            self._refuse(word)

    # Moving

    def _keep(self, run: Run) -> None:
        self._runs[run.run_id] = run
        if run.live:
            self._live[run.run_id] = None
        else:
            self._live.pop(run.run_id, None)

    def _move(self, run: Run) -> None:
        """As far as a run goes now; what it says of the customer comes in as an event once it rests."""
        journey, deployment, now = self._stage.journey, self._stage.deployment, self._now
        said: list[Event] = []
        while True:
            self._step()
            step = engine.advance(journey, run, self._customer.person, deployment, now)
            run = step.run
            match step.command:
                case Send() as send:
                    run = self._post.send(run, send, now)
                case SetTraits() as update:
                    said.append(self._words(update))
                case CallWebhook() as call:
                    run = self._post.call(run, call, now)
                case None:
                    break
        self._keep(run)
        for event in said:
            self._arrive(event)

    def _words(self, update: SetTraits) -> Event:
        body, known = {"traits": dict(update.traits)}, self._customer.known[:1]
        return event_of("identify", "identify", update.message_id, self._now, known, body, JOURNEY_SOURCE)
