"""Instructions as plain JSON types: how a journey's program is stored with each of its versions.

Exists apart from the instructions so that the engine can be read without it.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.conditions.condition import Condition, to_mapping
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.durations import seconds
from omnicascade.domain.journeys.program import (
    Arm,
    Cascade,
    CascadeChannel,
    Check,
    Digest,
    End,
    Fork,
    Instruction,
    Jump,
    SendMessage,
    Split,
    Update,
    Wait,
    WaitFor,
    WaitLocal,
    WaitUntil,
    Webhook,
)


def instruction_to_json(instruction: Instruction) -> dict[str, Any]:
    """An instruction as plain JSON types, told apart by `op`; the same for equal instructions."""
    fields: dict[str, Any]
    match instruction:
        case Check(_, condition, otherwise):
            fields = {"op": "check", "condition": to_mapping(condition), "otherwise": otherwise}
        case Fork(_, arm, condition, otherwise):
            fields = {"op": "fork", "arm": arm, "condition": to_mapping(condition), "otherwise": otherwise}
        case Jump(_, to):
            fields = {"op": "jump", "to": to}
        case Split(_, arms):
            fields = {"op": "split", "arms": [{"name": arm.name, "share": arm.share, "to": arm.to} for arm in arms]}
        case SendMessage(_, channel, template, budget, to):
            fields = {"op": "send", "channel": str(channel), "template": template}
            fields |= {"budget": _price_out(budget), "to": to}
        case Cascade(_, order, channels):
            fields = {"op": "cascade", "order": order, "channels": [_channel_out(part) for part in channels]}
        case Update(_, traits):
            fields = {"op": "update", "traits": dict(traits)}
        case Webhook(_, url, body):
            fields = {"op": "webhook", "url": url, "body": dict(body)}
        case End(_, reason):
            fields = {"op": "end", "reason": reason}
        case _:
            fields = _wait_out(instruction)
    return {"step": instruction.step, **fields}


def _wait_out(instruction: Wait | WaitUntil | WaitLocal | WaitFor | Digest) -> dict[str, Any]:
    match instruction:
        case Wait(_, length):
            return {"op": "wait", "length": seconds(length)}
        case WaitUntil(_, path, offset):
            return {"op": "wait_until", "path": path, "offset": seconds(offset)}
        case WaitLocal(_, minute, days, zone):
            return {"op": "wait_local", "minute": minute, "days": sorted(days), "zone": zone}
        case WaitFor():
            return {
                "op": "wait_for",
                "timeout": seconds(instruction.timeout),
                "otherwise": instruction.otherwise,
                "event": instruction.event,
                "where": _condition_out(instruction.where),
                "match": instruction.match,
                "condition": _condition_out(instruction.condition),
            }
        case Digest(_, event, window, key):
            return {"op": "digest", "event": event, "window": seconds(window), "key": key}


def instruction_from_json(stored: Mapping[str, Any]) -> Instruction:
    """The instruction that `instruction_to_json` wrote.

    Raises:
        ValueError: stored by a later version of the product.
    """
    read = _READERS.get(stored["op"])
    if read is None:
        raise ValueError(f"stored step {stored['step']} has an unknown instruction {stored['op']!r}")
    return read(stored["step"], stored)


def stored_condition(stored: object) -> Condition:
    """A condition that was checked when it was stored.

    Raises:
        ValueError: stored by a later version of the product.
    """
    condition, problems = read_condition(stored)
    if condition is None:
        raise ValueError(f"the stored condition {stored} cannot be read: {problems}")
    return condition


def _wait_for_in(step: str, stored: Mapping[str, Any]) -> WaitFor:
    return WaitFor(
        step,
        _length(stored["timeout"]),
        int(stored["otherwise"]),
        event=stored["event"],
        where=_maybe(stored["where"]),
        match=stored["match"],
        condition=_maybe(stored["condition"]),
    )


_READERS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Instruction]]] = {
    "check": lambda step, s: Check(step, stored_condition(s["condition"]), int(s["otherwise"])),
    "fork": lambda step, s: Fork(step, s["arm"], stored_condition(s["condition"]), int(s["otherwise"])),
    "jump": lambda step, s: Jump(step, int(s["to"])),
    "split": lambda step, s: Split(
        step, tuple(Arm(arm["name"], float(arm["share"]), int(arm["to"])) for arm in s["arms"])
    ),
    "send": lambda step, s: SendMessage(
        step, Channel(s["channel"]), s["template"], _price_in(s["budget"]), s.get("to")
    ),
    "cascade": lambda step, s: Cascade(step, s["order"], tuple(_channel_in(part) for part in s["channels"])),
    "wait": lambda step, s: Wait(step, _length(s["length"])),
    "wait_until": lambda step, s: WaitUntil(step, s["path"], _length(s["offset"])),
    "wait_local": lambda step, s: WaitLocal(step, int(s["minute"]), frozenset(map(int, s["days"])), s["zone"]),
    "wait_for": _wait_for_in,
    "digest": lambda step, s: Digest(step, s["event"], _length(s["window"]), s["key"]),
    "update": lambda step, s: Update(step, s["traits"]),
    "webhook": lambda step, s: Webhook(step, s["url"], s["body"]),
    "end": lambda step, s: End(step, s["reason"]),
}


def _channel_out(part: CascadeChannel) -> dict[str, Any]:
    return {
        "channel": str(part.channel),
        "template": part.template,
        "wait": seconds(part.wait),
        "answered_by": sorted(part.answered_by),
        "budget": _price_out(part.budget),
        "to": part.to,
    }


def _channel_in(stored: Mapping[str, Any]) -> CascadeChannel:
    return CascadeChannel(
        Channel(stored["channel"]),
        stored["template"],
        _length(stored["wait"]),
        frozenset(stored["answered_by"]),
        _price_in(stored["budget"]),
        stored.get("to"),
    )


def _condition_out(condition: Condition | None) -> dict[str, Any] | None:
    return to_mapping(condition) if condition else None


def _maybe(stored: object) -> Condition | None:
    return stored_condition(stored) if stored else None


def _length(stored: Any) -> timedelta:
    return timedelta(seconds=int(stored))


def _price_out(price: Price | None) -> dict[str, str] | None:
    return price and {"amount": str(price.amount), "currency": price.currency}


def _price_in(stored: Mapping[str, str] | None) -> Price | None:
    return Price(Decimal(stored["amount"]), stored["currency"]) if stored else None
