"""A rehearsal as a marketer reads it: one line for each thing that happens, in the customer's own time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from omnicascade.domain.durations import spell


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    order: int
    what: str
    detail: str


def as_text(told: Mapping[str, Any], zone: ZoneInfo) -> str:
    """The rehearsal's answer as a timeline with a total below."""
    lines = sorted(_lines(told), key=lambda line: (line.at, line.order))
    width = max((len(line.what) for line in lines), default=0)
    start = _start(told)
    shown = [f"{told.get('journey', 'journey')}, version {told.get('version', '?')}; times in {zone.key}", ""]
    for line in lines:
        local = line.at.astimezone(zone)
        since = f"+{spell(line.at - start)}" if start else ""
        shown.append(f"{local:%a %d %b %H:%M:%S}  {since:<9} {line.what:<{width}}  {line.detail}".rstrip())
    if not lines:
        shown.append("Nothing happens: nobody enters. Give an event that starts the journey, or `enter: 0s`.")
    return "\n".join([*shown, "", _total(told), *(f"warning: {word}" for word in told.get("warnings", ()))])


def as_script(told: Mapping[str, Any]) -> str:
    """The rehearsal's answer as it is, for scripts."""
    return json.dumps(told, ensure_ascii=False, indent=2)


def _start(told: Mapping[str, Any]) -> datetime | None:
    timed: Sequence[Mapping[str, Any]] = [*told["decisions"], *told["messages"]]
    if not timed:
        return None
    return _time(timed[0]["at"]) - timedelta(seconds=timed[0]["after"])


def _lines(told: Mapping[str, Any]) -> Iterator[_Line]:
    several = len({run["key"] for run in told["runs"]}) > 1
    unseen = list(told["messages"])
    for run in told["runs"]:
        of = f" for {run['key']}" if run["key"] is not None else ""
        yield _Line(_time(run["started"]), -1, "enters", f"the journey begins{of}")
        if run["converted"]:
            yield _Line(_time(run["converted"]), 0, "goal", f"reached{of}")
    for order, decision in enumerate(told["decisions"]):
        message = _sent(decision, unseen) if decision["outcome"] == "sent" else None
        mark = f"[{decision['key']}] " if several and decision["key"] is not None else ""
        if message:
            yield _Line(_time(decision["at"]), order, message["channel"], mark + _message(message))
        else:
            ends = any(_ended_by(run, decision) for run in told["runs"])
            word = "ends" if ends else str(decision["outcome"]).replace("_", " ")
            yield _Line(_time(decision["at"]), order, word, mark + _why(decision, ends=ends))


def _sent(decision: Mapping[str, Any], unseen: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The message that a decision speaks of; each is shown once."""
    for message in unseen:
        if all(message[part] == decision[part] for part in ("at", "step", "key")):
            unseen.remove(message)
            return message
    return None


def _message(message: Mapping[str, Any]) -> str:
    cost = message["cost"]
    return f"template {message['template']}, {cost['amount']} {cost['currency']} ({message['step']})"


def _ended_by(run: Mapping[str, Any], decision: Mapping[str, Any]) -> bool:
    return all(run[part] == decision[of] for part, of in (("ended", "at"), ("key", "key"), ("outcome", "outcome")))


def _why(decision: Mapping[str, Any], *, ends: bool) -> str:
    outcome = f"{decision['outcome'].replace('_', ' ')}: " if ends else ""
    return f"{outcome}{decision['reason']}" + (f" ({decision['step']})" if decision["step"] else "")


def _total(told: Mapping[str, Any]) -> str:
    messages: Sequence[Mapping[str, Any]] = told["messages"]
    sums: dict[str, Decimal] = {}
    for message in messages:
        cost = message["cost"]
        sums[cost["currency"]] = sums.get(cost["currency"], Decimal()) + Decimal(cost["amount"])
    money = " + ".join(f"{amount.normalize():f} {currency}" for currency, amount in sorted(sums.items())) or "nothing"
    channels = [str(message["channel"]) for message in messages]
    split = ", ".join(f"{channels.count(channel)} {channel}" for channel in dict.fromkeys(channels))
    count = "1 message" if len(messages) == 1 else f"{len(messages)} messages"
    live = sum(run["outcome"] is None for run in told["runs"])
    going = f"; {live} run{'s' * (live != 1)} still under way" if live else ""
    return f"{count}{f' ({split})' if split else ''}, cost {money}{going}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
