"""Plays the story on a stack: moves the virtual clock from act to act, and reads back what became of everybody."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml

from infra.demo.people import OPENING, ZONE, Act, Moment, Person
from infra.demo.shop import Shop, reachable_channels
from infra.demo.story import CURTAIN
from infra.local_client import StackClient

SHIPPED: Final = Path(__file__).resolve().parents[1] / "journeys" / "abandoned-cart.yaml"
JOURNEY: Final = "demo-abandoned-cart"

type Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stack says of one person after the curtain.

    Attributes:
        profile: `GET /v1/profiles/{id}`.
        sources: events by the source they came from.
        runs: their runs, oldest first, as the staff API shows them.
        messages: what was delivered at their addresses, in order, as `/local/messages` shows it.
        reach: for each run, the channels on which they could be reached when it began.
        profile_ids: the profile that each identifier of theirs finds, by `type:value`.
    """

    person: Person
    profile: dict[str, Any]
    sources: Counter[str]
    runs: tuple[dict[str, Any], ...]
    messages: tuple[dict[str, Any], ...]
    reach: tuple[tuple[str, ...], ...]
    profile_ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class Performance:
    """The whole story as it happened.

    Attributes:
        opened: when day 1 opened (the story's zone).
        journey: the definition that ran.
        holdout: the shipped journey's hold-out, left out here.
        delivered: messages delivered to anybody.
        transitions: state transitions of each execution, by run id.
    """

    opened: datetime
    journey: dict[str, Any]
    holdout: str
    outcomes: tuple[Outcome, ...]
    delivered: int
    transitions: dict[str, int]


def perform(stack: StackClient, cast: Sequence[Person], progress: Progress) -> Performance:
    """Play everybody's acts in order of time.

    Raises:
        StoryError: an act could not be done.
        UnexpectedAnswerError: the stack refused a call.
    """
    journey, holdout = _rehearsed(stack)
    shop = Shop(stack, JOURNEY)
    opened = _next_opening(stack)
    reach: dict[str, list[tuple[str, ...]]] = {person.key: [] for person in cast}
    try:
        for moment, acts in _by_time(cast, opened):
            progress(f"day {moment.day}, {moment.clock:%H:%M}")
            _move_to(stack, moment.on(opened))
            for person, act in acts:
                if act.occasion:
                    reach[person.key].append(reachable_channels(stack, person))
                act.do(shop, person)
            shop.flush()
            stack.settle()
        _move_to(stack, CURTAIN.on(opened))
    finally:
        shop.close()
    progress("reading what became of everybody")
    delivered = stack.messages()
    outcomes = tuple(_outcome(stack, person, tuple(reach[person.key]), delivered) for person in cast)
    return Performance(opened, journey, holdout, outcomes, len(delivered), _transitions(stack))


def _rehearsed(stack: StackClient) -> tuple[dict[str, Any], str]:
    """The shipped journey under a name of its own and without its hold-out; the shipped one rests meanwhile."""
    shipped: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    journey = {key: part for key, part in shipped.items() if key != "holdout"} | {"name": JOURNEY}
    stack.put_journey(shipped | {"active": False})
    stack.put_journey(journey)
    return journey, str(shipped.get("holdout", ""))


def _next_opening(stack: StackClient) -> datetime:
    now = datetime.fromisoformat(stack.now()).astimezone(ZONE)
    today = datetime.combine(now.date(), OPENING, ZONE)
    return today if today >= now else datetime.combine(now.date() + timedelta(days=1), OPENING, ZONE)


def _by_time(cast: Sequence[Person], opened: datetime) -> list[tuple[Moment, list[tuple[Person, Act]]]]:
    acts = sorted(((person, act) for person in cast for act in person.acts), key=lambda pair: pair[1].at.on(opened))
    return [(moment, list(together)) for moment, together in groupby(acts, key=lambda pair: pair[1].at)]


def _move_to(stack: StackClient, moment: datetime) -> None:
    remaining = moment - datetime.fromisoformat(stack.now())
    if remaining > timedelta():
        stack.advance(f"{round(remaining / timedelta(milliseconds=1))}ms")


def _outcome(
    stack: StackClient, person: Person, reach: tuple[tuple[str, ...], ...], delivered: Sequence[dict[str, Any]]
) -> Outcome:
    profile = stack.profile(person.reference)
    named = [f"{known['type']}:{known['value']}" for known in profile["identifiers"]]
    return Outcome(
        person=person,
        profile=profile,
        sources=Counter(event["source"] for event in stack.events(person.reference)),
        runs=tuple(reversed(stack.runs(JOURNEY, person.reference))),
        messages=tuple(message for message in delivered if message["to"] in person.addresses),
        reach=reach,
        profile_ids={name: stack.profile(name)["profile_id"] for name in named},
    )


def _transitions(stack: StackClient) -> dict[str, int]:
    return {
        execution["input"].get("run", execution["name"]): execution["transitions"] for execution in stack.executions()
    }
