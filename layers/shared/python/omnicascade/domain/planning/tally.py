"""What many customers' plans add up to: counts, money and moments under composite names, which can be added and sent.

Exists so that a plan of a million customers is made page by page, by whoever has the time, and put together at the end.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

type Name = tuple[str, ...]

MOST_EXAMPLES: Final = 3


def _no_money() -> defaultdict[Name, Decimal]:
    return defaultdict(Decimal)


@dataclass(slots=True)
class Tally:
    """Sums by name; mutable while it is being counted.

    Attributes:
        counts: how many.
        money: amounts; the currency is part of the name.
        moments: the earliest and the latest of each name (UTC).
        examples: up to `MOST_EXAMPLES` of each name.
    """

    counts: Counter[Name] = field(default_factory=Counter[Name])
    money: defaultdict[Name, Decimal] = field(default_factory=_no_money)
    moments: dict[Name, tuple[datetime, datetime]] = field(default_factory=dict[Name, tuple[datetime, datetime]])
    examples: dict[Name, list[str]] = field(default_factory=dict[Name, list[str]])

    def count(self, *name: str, number: int = 1) -> None:
        """One more of a name, or so many."""
        self.counts[name] += number

    def pay(self, amount: Decimal, *name: str) -> None:
        """So much more money."""
        self.money[name] += amount

    def happens(self, at: datetime, *name: str) -> None:
        """A moment of a name."""
        first, last = self.moments.get(name, (at, at))
        self.moments[name] = min(first, at), max(last, at)

    def show(self, example: str, *name: str) -> None:
        """Keep an example, if there are not enough."""
        kept = self.examples.setdefault(name, [])
        if len(kept) < MOST_EXAMPLES and example not in kept:
            kept.append(example)

    def add(self, other: "Tally") -> None:
        """Take in what others counted of other customers."""
        self.counts.update(other.counts)
        for name, amount in other.money.items():
            self.money[name] += amount
        for name, (first, last) in other.moments.items():
            self.happens(first, *name)
            self.happens(last, *name)
        for name, kept in other.examples.items():
            for example in kept:
                self.show(example, *name)

    def number(self, *name: str) -> int:
        """How many of a name there are."""
        return self.counts.get(name, 0)

    def under(self, *lead: str) -> dict[Name, int]:
        """The counts whose names begin so, by the rest of the name; greatest first."""
        found = {name[len(lead) :]: number for name, number in self.counts.items() if name[: len(lead)] == lead}
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def paid(self, *lead: str) -> dict[Name, Decimal]:
        """The same of money, by name."""
        found = {name[len(lead) :]: amount for name, amount in self.money.items() if name[: len(lead)] == lead}
        return dict(sorted(found.items()))


def to_json(tally: Tally) -> dict[str, Any]:
    """A tally as plain JSON types; `from_json` turns it back."""
    return {
        "counts": [[*name, number] for name, number in sorted(tally.counts.items())],
        "money": [[*name, f"{amount:f}"] for name, amount in sorted(tally.money.items())],
        "moments": [[*name, first.isoformat(), last.isoformat()] for name, (first, last) in tally.moments.items()],
        "examples": [[*name, *kept, len(kept)] for name, kept in sorted(tally.examples.items())],
    }


def from_json(told: Mapping[str, Any]) -> Tally:
    """The tally that `to_json` wrote."""
    tally = Tally()
    for *name, number in told["counts"]:
        tally.counts[tuple(name)] += int(number)
    for *name, amount in told["money"]:
        tally.money[tuple(name)] += Decimal(amount)
    for *name, first, last in told["moments"]:
        tally.moments[tuple(name)] = datetime.fromisoformat(first), datetime.fromisoformat(last)
    for *parts, size in told["examples"]:
        tally.examples[tuple(parts[: len(parts) - size])] = list(parts[len(parts) - size :])
    return tally
