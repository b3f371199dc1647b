"""The story's promises, each asked of what the stack itself reports: whatever is not kept fails the demo."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from infra.demo.costs import Bill
from infra.demo.people import CHEAPEST_FIRST, ZONE, Person, RunPromise
from infra.demo.play import Outcome, Performance

QUIET_FROM_H: Final = 21
QUIET_TO_H: Final = 9
FULL_CASCADE_TRANSITIONS: Final = 5
"""Entering (its wait is the entry delay), three messages, the end. Without an entry delay it is one less."""


@dataclass(frozen=True, slots=True)
class Check:
    """A promise, whether it was kept, and what was seen where it was not."""

    promise: str
    kept: bool
    seen: str = ""


def checks_of(performance: Performance, bill: Bill) -> tuple[Check, ...]:
    """Every promise of the story."""
    outcomes = performance.outcomes
    return (
        *(check for outcome in outcomes for check in _joined(outcome)),
        *_apart(outcomes),
        *(check for outcome in outcomes for check in _kept(outcome)),
        *_everywhere(outcomes, performance.delivered),
        *_transitions(performance),
        *_money(bill),
    )


def _joined(outcome: Outcome) -> Iterator[Check]:
    person, profile = outcome.person, outcome.profile
    kinds = {_kind(known["type"]) for known in profile["identifiers"]}
    missing = set(person.identifiers) - kinds
    yield Check(f"{person.name}: known by {', '.join(person.identifiers)}", not missing, f"only {sorted(kinds)}")
    strangers = {name: found for name, found in outcome.profile_ids.items() if found != profile["profile_id"]}
    yield Check(f"{person.name}: every identifier finds the one profile", not strangers, f"{strangers}")
    counters = profile["counters"]
    spent = Decimal(str(counters["revenue"].get("USD", 0)))
    yield Check(
        f"{person.name}: {person.orders} orders worth {person.spent} USD, each counted once",
        (counters["orders"], spent) == (person.orders, person.spent),
        f"{counters['orders']} orders worth {spent}",
    )


def _apart(outcomes: Sequence[Outcome]) -> Iterator[Check]:
    ids = {outcome.profile["profile_id"] for outcome in outcomes}
    yield Check("nobody is glued to anybody else, whatever kiosk they share", len(ids) == len(outcomes), f"{len(ids)}")


def _kept(outcome: Outcome) -> Iterator[Check]:
    person = outcome.person
    count = len(outcome.runs)
    yield Check(f"{person.name}: {len(person.runs)} run(s)", count == len(person.runs), f"{count} runs")
    for number, (run, promise) in enumerate(zip(outcome.runs, person.runs, strict=False), start=1):
        yield from _run(person, f"run {number}", run, promise)


def _run(person: Person, which: str, run: dict[str, Any], promise: RunPromise) -> Iterator[Check]:
    name = f"{person.name}, {which}"
    sent = tuple(message["channel"] for message in run["messages"])
    wanted = " then ".join(promise.sent) or "nothing"
    yield Check(f"{name}: {wanted} is sent", sent == promise.sent, f"{sent}")
    yield Check(f"{name}: it ends as {promise.outcome}", run["outcome"] == promise.outcome, f"{run['outcome']}")
    answered = [message["channel"] for message in run["messages"] if message["answered_at"]]
    expected = [promise.answered] if promise.answered else []
    if promise.outcome != "exited":
        yield Check(f"{name}: answered by {promise.answered or 'nobody'}", answered == expected, f"{answered}")
    converted = run["converted_at"] is not None
    yield Check(f"{name}: an order followed: {promise.converted}", converted == promise.converted, f"{converted}")
    for channel, words in promise.withheld.items():
        reasons = [d["reason"] for d in withheld(run) if d["reason"].startswith(f"{channel}:")]
        said = any(words in reason for reason in reasons)
        yield Check(f"{name}: {channel} withheld because: {words}", said, f"{reasons}")


def _everywhere(outcomes: Sequence[Outcome], count: int) -> Iterator[Check]:
    runs = [run for outcome in outcomes for run in outcome.runs]
    order = [[CHEAPEST_FIRST.index(m["channel"]) for m in run["messages"]] for run in runs]
    yield Check("cheapest channel first, none twice in a run", all(o == sorted(set(o)) for o in order), f"{order}")
    late = [run["run_id"] for run in runs for m in run["messages"] if run["ended_at"] and m["at"] > run["ended_at"]]
    yield Check("nothing is sent after a run has ended", not late, f"{late}")
    delivered = {message["id"]: message for outcome in outcomes for message in outcome.messages}
    claimed = [m["provider_id"] for run in runs for m in run["messages"]]
    yield Check("each message a run sent was delivered once", sorted(claimed) == sorted(delivered), f"{claimed}")
    yield Check("nobody else was sent anything", len(delivered) == count, f"{count} were delivered")
    loud = [f"{m['to']} at {m['at']}" for m in delivered.values() if _quiet(m["at"])]
    yield Check("no message between 21:00 and 09:00 of the customer's clock", not loud, f"{loud}")


def _quiet(at: str) -> bool:
    hour = datetime.fromisoformat(at).astimezone(ZONE).hour
    return hour >= QUIET_FROM_H or hour < QUIET_TO_H


def _transitions(performance: Performance) -> Iterator[Check]:
    whole = {
        run["run_id"]: performance.transitions[run["run_id"]]
        for outcome in performance.outcomes
        for run in outcome.runs
        if len(run["messages"]) == len(CHEAPEST_FIRST) and run["run_id"] in performance.transitions
    }
    kept = bool(whole) and set(whole.values()) == {FULL_CASCADE_TRANSITIONS}
    promise = f"a cascade that nobody answers in time takes {FULL_CASCADE_TRANSITIONS} state transitions"
    yield Check(promise, kept, f"{whole}")


def _money(bill: Bill) -> Iterator[Check]:
    total = bill.total
    yield Check("the cascade is cheaper than a blast", total.saved > 0, f"saved {total.saved}")
    yield Check(
        "money saved is the blast's cost less the cascade's, channel by channel",
        total.saved == sum((channel.saved for channel in bill.channels), Decimal()),
        f"{total.saved}",
    )
    dearer = [channel.channel for channel in bill.channels if channel.sent > channel.blast_sent]
    yield Check("no channel sends more than a blast would", not dearer, f"{dearer}")


def withheld(run: dict[str, Any]) -> list[dict[str, Any]]:
    """A run's decisions not to send, or not yet."""
    other = {"sent", "answered", "failed", "unknown", run["outcome"]}
    return [decision for decision in run["decisions"] if decision["outcome"] not in other]


def _kind(identifier_type: str) -> str:
    return "push_token" if identifier_type.endswith("push_token") else identifier_type
