"""One customer's story as lines: their acts and the run's decisions in one order of time, each with its reason."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from infra.demo.checks import withheld
from infra.demo.people import ZONE
from infra.demo.play import Outcome

_EVENT_ID: Final = re.compile(r" \([\w-]+\)$")
_CHANNEL: Final = re.compile(r"(push|email|sms)(?:: | did | answered )")
NAMES: Final = {"push": "push", "email": "e-mail", "sms": "SMS"}
"""Channels as a person writes them."""

ENDS: Final = "; the run ends"


@dataclass(frozen=True, slots=True)
class Line:
    """What happened at one moment.

    Attributes:
        kind: `act`, `sent`, `withheld` or `end`.
        place: the channel.
        cost: of a message, as the stack wrote it, in USD.
    """

    at: datetime
    kind: str
    place: str
    what: str
    why: str = ""
    cost: str = ""


def lines_of(outcome: Outcome, opened: datetime) -> list[Line]:
    """A customer's lines, oldest first; a run's end is said on the line that caused it where there is one."""
    acts = [Line(act.at.on(opened), "act", act.place, act.said) for act in outcome.person.acts if act.said]
    lines = sorted([*acts, *(line for run in outcome.runs for line in _run_lines(run))], key=lambda line: line.at)
    told: list[Line] = []
    for line in lines:
        if line.kind == "end" and told and _same_minute(told[-1], line):
            told[-1] = replace(told[-1], what=told[-1].what + ENDS)
        else:
            told.append(line)
    return told


def _run_lines(run: dict[str, Any]) -> Iterator[Line]:
    sent = iter(run["messages"])
    before: list[dict[str, Any]] = []
    for decision in run["decisions"]:
        at, outcome = _local(decision["at"]), decision["outcome"]
        if outcome == "sent":
            message = next(sent)
            yield Line(
                at,
                "sent",
                message["channel"],
                f"sent to {_address(message)}",
                _why(run, before, decision),
                _cost(message),
            )
        elif decision in withheld(run):
            said = "held until it may go out" if outcome == "held" else "passed over"
            yield Line(at, "withheld", channel_of(decision), said, _after_channel(decision["reason"]))
        elif outcome == "failed":
            yield Line(at, "withheld", channel_of(decision), "did not arrive", "nothing to wait for: on at once")
        elif outcome == run["outcome"] and decision is run["decisions"][-1]:
            yield Line(at, "end", "", f"the run ends: {outcome}", _EVENT_ID.sub("", decision["reason"]))
        before.append(decision)


def _why(run: dict[str, Any], before: Sequence[dict[str, Any]], decision: dict[str, Any]) -> str:
    """Why a message went out just then, out of what was decided before it."""
    last = before[-1] if before else None
    if last is None or (last["outcome"] == "skipped" and not _sent(before)):
        waited = _local(decision["at"]) - _local(run["started_at"])
        return f"{_spelled(waited)} after the basket" if run["key"] else "started by hand"
    if last["outcome"] == "held":
        return "quiet hours are over"
    if last["outcome"] == "failed":
        return f"the {_named(last)} did not arrive"
    waited = _local(decision["at"]) - _local(_sent(before)[-1]["at"])
    return f"no answer to the {_named(_sent(before)[-1])} for {_spelled(waited)}"


def _sent(decisions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [decision for decision in decisions if decision["outcome"] == "sent"]


def channel_of(decision: dict[str, Any]) -> str:
    """The channel a decision speaks of; "" where it speaks of none."""
    found = _CHANNEL.match(decision["reason"])
    return found[1] if found else ""


def _named(decision: dict[str, Any]) -> str:
    return NAMES[channel_of(decision)]


def _after_channel(reason: str) -> str:
    return _CHANNEL.sub("", reason, count=1)


def _address(message: dict[str, Any]) -> str:
    return "the app" if message["channel"] == "push" else str(message["to"])


def _cost(message: dict[str, Any]) -> str:
    cost: dict[str, str] = message["cost"] or {}
    return cost.get("amount", "")


def _spelled(duration: timedelta) -> str:
    minutes = round(duration / timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZONE)


def _same_minute(one: Line, other: Line) -> bool:
    return abs(one.at - other.at) < timedelta(minutes=1)
