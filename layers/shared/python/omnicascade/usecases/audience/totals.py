"""What an audience adds up to: counts by name, in groups, which sum whatever the batches and their order.

Every customer is counted once, when they are through: from their run, which is the truth, so that a batch that is
repeated counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.journeys.run import LedgerEntry, Run

MOST_REASONS: Final = 20
"""Names kept in one group; reasons may quote moments, and a state's data has an end (256 KB, Step Functions quotas)."""
OTHER_REASONS: Final = "other reasons"

_COST: Final = "cost"


@dataclass(frozen=True, slots=True)
class Totals:
    """Groups of counts: customers, outcomes, not_entered, messages, skipped, failed, cost (amounts by currency)."""

    groups: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict[str, Mapping[str, Decimal]])

    def __add__(self, other: Totals) -> Totals:
        """The sum; of many different reasons in a group the rarest become `OTHER_REASONS`."""
        summed: dict[str, Mapping[str, Decimal]] = {}
        for group in sorted(self.groups.keys() | other.groups.keys()):
            counts = dict(self.groups.get(group, {}))
            for name, value in other.groups.get(group, {}).items():
                counts[name] = counts.get(name, Decimal()) + value
            summed[group] = _limited(counts)
        return Totals(summed)

    def count(self, group: str, name: str) -> Decimal:
        """One count, 0 when nothing was counted."""
        return self.groups.get(group, {}).get(name, Decimal())

    def as_json(self) -> dict[str, Any]:
        """The plain form: whole numbers, and amounts of money as text."""
        return {
            group: {name: f"{value:f}" if group == _COST else int(value) for name, value in sorted(counts.items())}
            for group, counts in self.groups.items()
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Mapping[str, Any]]) -> Totals:
        """Read `as_json`."""
        return cls({group: {name: Decimal(value) for name, value in counts.items()} for group, counts in given.items()})


def one(group: str, name: str) -> Totals:
    """A single count."""
    return Totals({group: {name: Decimal(1)}})


def of_run(run: Run) -> Totals:
    """What one run adds: its customer, its outcome, its messages with their cost, and what was left out and why."""
    if run.outcome == "held_out":
        return one("customers", "held_out")
    groups: dict[str, dict[str, Decimal]] = {"customers": {"entered": Decimal(1)}}

    def add(group: str, name: str, amount: Decimal = Decimal(1)) -> None:
        counts = groups.setdefault(group, {})
        counts[name] = counts.get(name, Decimal()) + amount

    if run.outcome:
        add("outcomes", run.outcome)
    if any(entry.answered_at for entry in run.ledger):
        add("customers", "answered")
    if run.converted_at:
        add("customers", "converted")
    for entry in run.ledger:
        add(*_message(entry))
        if entry.cost and entry.cost.amount:
            add(_COST, entry.cost.currency, entry.cost.amount)
    for decision in run.decisions:
        if decision.outcome == "skipped":
            add("skipped", decision.reason)
    return Totals(groups)


def _message(entry: LedgerEntry) -> tuple[str, str]:
    match entry.outcome:
        case "failed":
            return "failed", f"{entry.channel}: {entry.reason}"
        case "withdrawn":
            return "skipped", f"{entry.channel}: {entry.reason}"
        case _:
            return "messages", entry.channel.value


def _limited(counts: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    if len(counts) <= MOST_REASONS:
        return dict(counts)
    ranked = sorted(counts.items(), key=lambda item: (item[0] == OTHER_REASONS, -item[1], item[0]))
    kept = dict(ranked[: MOST_REASONS - 1])
    return kept | {OTHER_REASONS: sum((value for _, value in ranked[MOST_REASONS - 1 :]), Decimal())}
