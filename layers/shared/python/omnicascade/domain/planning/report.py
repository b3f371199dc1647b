"""A plan as its reader sees it: who enters, what goes out and what it costs, each number with how sure it is.

Exists apart from counting because the numbers of all pages are read together, and a sample is scaled here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omnicascade.domain.aws_prices import cost_of_runs
from omnicascade.domain.intervals import wilson
from omnicascade.domain.planning import counting as names
from omnicascade.domain.planning.tally import Tally


@dataclass(frozen=True, slots=True)
class Frame:
    """What a plan is about, besides its numbers.

    Attributes:
        version: the one that would be carried out; of a definition that is not stored, the one it would become.
        members: of the segment, as its count tells.
        complete: whether everybody was looked at.
        spent: of budgets, by channel and month, in the budget's currency.
    """

    journey: str
    version: int
    stored: bool
    segment: str
    at: datetime
    members: int
    complete: bool = True
    spent: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As plain JSON types; `from_json` turns it back."""
        return {
            "journey": self.journey,
            "version": self.version,
            "stored": self.stored,
            "segment": self.segment,
            "at": _time(self.at),
            "members": self.members,
            "complete": self.complete,
            "spent": dict(self.spent),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Frame":
        """The frame that `as_json` wrote."""
        rest: dict[str, Any] = {"at": datetime.fromisoformat(told["at"]), "warnings": tuple(told["warnings"])}
        return cls(**(dict(told) | rest))


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns what was counted into what is to be expected of all members.

    Where everybody was looked at, numbers are what they are. Of a sample, the share is scaled, with the interval of
    95 % that Wilson's formula gives for it.
    """

    looked_at: int
    members: int

    @property
    def factor(self) -> Decimal:
        """How many members one who was looked at stands for."""
        return Decimal(self.members) / self.looked_at if self.looked_at else Decimal()

    def customers(self, number: int) -> dict[str, int]:
        """So many of those looked at are like this: of all members, at least and at most so many."""
        if self.looked_at == self.members or not self.looked_at:
            return {"count": number, "low": number, "high": number}
        low, high = wilson(min(number, self.looked_at), self.looked_at)
        return {
            "count": self.all(number),
            "low": max(number, int(low * self.members)),
            "high": min(self.members, -int(-high * self.members // 1)),
        }

    def all(self, number: int) -> int:
        """A plain sum, scaled."""
        return int((number * self.factor).to_integral_value())

    def money(self, amount: Decimal) -> str:
        """An amount, scaled."""
        scaled = amount if self.looked_at == self.members else (amount * self.factor).quantize(Decimal("0.000001"))
        return f"{scaled.normalize():f}"


def report(frame: Frame, tally: Tally) -> dict[str, Any]:
    """The plan as plain JSON. `POST /v1/journeys/{name}/plan` answers it, with `in_flight` beside."""
    looked_at = tally.number(names.LOOKED_AT)
    scale = Scale(looked_at, looked_at if frame.complete else max(frame.members, looked_at))
    return {
        "journey": frame.journey,
        "version": frame.version,
        "stored": frame.stored,
        "segment": frame.segment,
        "at": _time(frame.at),
        "members": scale.members,
        "looked_at": looked_at,
        "complete": frame.complete,
        "entry": {
            "enter": scale.customers(tally.number(names.ENTERS)),
            "held_out": scale.customers(tally.number(names.HELD_OUT)),
            "stay_out": [
                {"reason": kind, "customers": scale.customers(number), "examples": _shown(tally, names.STAYS_OUT, kind)}
                for (kind,), number in tally.under(names.STAYS_OUT).items()
            ],
        },
        "nobody_answers": _bound(tally, names.NOBODY, scale),
        "everybody_answers": _bound(tally, names.EVERYBODY, scale),
        "budgets": _budgets(frame, tally, scale),
        "texts": [
            {"step": step, "channel": channel, "template": template, "text": kept[0]}
            for (_, step, channel, template), kept in _texts(tally)
        ],
        "execution": _execution(tally, scale),
        "warnings": list(frame.warnings),
    }


def _texts(tally: Tally) -> list[tuple[tuple[str, ...], list[str]]]:
    return sorted((name, kept) for name, kept in tally.examples.items() if name[0] == names.TEXT)


def _bound(tally: Tally, bound: str, scale: Scale) -> dict[str, Any]:
    first, last = tally.moments.get((bound, names.WHEN), (None, None))
    total: dict[str, Decimal] = {}
    for (_, currency), amount in tally.paid(bound, names.COST).items():
        total[currency] = total.get(currency, Decimal()) + amount
    return {
        "messages": [
            {
                "channel": channel,
                "count": scale.all(number),
                "customers": scale.customers(tally.number(bound, names.REACHED, channel)),
                "cost": _amounts(tally, scale, bound, names.COST, channel),
            }
            for (channel,), number in tally.under(bound, names.MESSAGES).items()
        ],
        "sms": [
            {
                "country": country,
                "count": scale.all(number),
                "parts": scale.all(tally.number(bound, names.PARTS, country)),
                "cost": _amounts(tally, scale, bound, names.COUNTRY, country),
            }
            for (country,), number in tally.under(bound, names.COUNTRY).items()
        ],
        "cost": [{"amount": scale.money(amount), "currency": currency} for currency, amount in sorted(total.items())],
        "without_message": scale.customers(tally.number(bound, names.SILENT)),
        "passed_over": _reasons(tally, scale, bound, names.PASSED_OVER),
        "failed": _reasons(tally, scale, bound, names.FAILED),
        "ends": {outcome: scale.all(number) for (outcome,), number in tally.under(bound, names.ENDS).items()},
        "held_for_quiet_hours": scale.all(sum(tally.under(bound, names.HELD).values())),
        "first_message": first and _time(first),
        "last_message": last and _time(last),
    }


def _reasons(tally: Tally, scale: Scale, bound: str, name: str) -> list[dict[str, Any]]:
    return [
        {
            "channel": channel or None,
            "reason": kind,
            "count": scale.all(number),
            "examples": _shown(tally, bound, name, channel, kind),
        }
        for (channel, kind), number in tally.under(bound, name).items()
    ]


def _shown(tally: Tally, *name: str) -> list[str]:
    return list(tally.examples.get(name, ()))


def _amounts(tally: Tally, scale: Scale, *lead: str) -> list[dict[str, str]]:
    return [{"amount": scale.money(amount), "currency": currency} for (currency,), amount in tally.paid(*lead).items()]


def _budgets(frame: Frame, tally: Tally, scale: Scale) -> list[dict[str, Any]]:
    """For each channel and month, whether what is left suffices for the worst case, and when it is used up if not."""
    hours: dict[tuple[str, str, str, str], dict[str, Decimal]] = {}
    for (channel, month, limit, currency, paid_in, hour), amount in tally.paid(names.BUDGET).items():
        wanted = hours.setdefault((channel, month, limit, currency), {})
        if paid_in == currency:
            wanted[hour] = wanted.get(hour, Decimal()) + amount * (1 if frame.complete else scale.factor)
    told: list[dict[str, Any]] = []
    for (channel, month, limit, currency), wanted in sorted(hours.items()):
        spent = Decimal(frame.spent.get(f"{channel} {month}", "0"))
        out = _runs_out(wanted, Decimal(limit) - spent)
        told.append(
            {
                "channel": channel,
                "month": month,
                "limit": {"amount": limit, "currency": currency},
                "spent": {"amount": f"{spent:f}", "currency": currency},
                "wanted": {"amount": f"{sum(wanted.values(), Decimal()).normalize():f}", "currency": currency},
                "sufficient": out is None,
                "runs_out": out,
            }
        )
    return told


def _runs_out(wanted: Mapping[str, Decimal], left: Decimal) -> str | None:
    """The hour in which the budget does not suffice any more."""
    for hour, amount in sorted(wanted.items()):
        left -= amount
        if left < 0:
            return f"{hour}:00:00Z"
    return None


def _execution(tally: Tally, scale: Scale) -> dict[str, Any]:
    """What AWS asks besides the messages, for one execution that serves the audience, and for one of each customer."""
    runs, visits = scale.all(tally.number(names.ENTERS)), scale.all(tally.number(names.NOBODY, names.VISITS))
    messages = scale.all(sum(tally.under(names.NOBODY, names.MESSAGES).values()))
    told: dict[str, Any] = {"currency": "USD"}
    for way, audience in (("audience", True), ("one_by_one", False)):
        cost = cost_of_runs(runs=runs, visits=visits, messages=messages, audience=audience)
        told[way] = {
            "transitions": cost.transitions,
            "orchestration": _dollars(cost.orchestration),
            "functions": _dollars(cost.functions),
            "table": _dollars(cost.table),
            "total": _dollars(cost.total),
        }
    return told


def _dollars(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.000001')).normalize():f}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
