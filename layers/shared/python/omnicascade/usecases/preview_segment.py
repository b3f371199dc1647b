"""What a segment would be, told from a sample before it is stored: nothing is written, nobody is entered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import needs_of
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.intervals import wilson
from omnicascade.usecases.backfill_segment import is_first
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.segment_ports import Census
from omnicascade.usecases.store_ports import EventStore, HeadReader

MOST_SAMPLED: Final = 500
USUAL_SAMPLE: Final = 200
MOST_EXAMPLES: Final = 10

MOST_PAGES: Final = 100
"""Of the census: where many events lie between few customers, the sample is smaller than asked for."""


@dataclass(frozen=True, slots=True)
class SegmentPreview:
    """Judges a sample of customers by a condition."""

    customers: HeadReader
    events: EventStore
    census: Census

    def preview(
        self, condition: Condition, deployment: Deployment, now: datetime, *, sample: int, seed: str
    ) -> dict[str, Any]:
        """How many of a sample belong, what share that makes of everybody (95 %), and some examples with the reason.

        Args:
            condition: may name segments of the deployment.
            deployment: its settings and segments.
            now: aware UTC.
            sample: how many customers to look at, fewer where there are no more.
            seed: another one samples others.
        """
        judged = [
            (customer.profile.profile_id, *self._judged(condition, customer, deployment, now))
            for customer in self._sampled(deployment, sample, seed)
        ]
        matching = [one for one in judged if one[1]]
        others = [one for one in judged if not one[1]]
        shown = [*matching[: MOST_EXAMPLES // 2], *others[: MOST_EXAMPLES // 2]]
        return {
            "sampled": len(judged),
            "matching": len(matching),
            "share": len(matching) / len(judged) if judged else None,
            "interval": list(wilson(len(matching), len(judged))) if judged else None,
            "examples": [{"profile_id": who, "member": member, "reason": why} for who, member, why in shown],
        }

    def _judged(
        self, condition: Condition, customer: Customer, deployment: Deployment, now: datetime
    ) -> tuple[bool, str]:
        person = person_of(customer, needs_of(condition, deployment.segments), self.events, now)
        facts = Facts(profile=person.profile, history=person.history, deployment=deployment, now=now)
        return judge(condition, facts)

    def _sampled(self, deployment: Deployment, sample: int, seed: str) -> Iterator[Customer]:
        taken = 0
        for node in self._nodes(seed):
            customer = find_customer(
                node, self.customers, deployment.identity, consistent=False, definitions=deployment.computed
            )
            if customer and is_first(node, customer):
                yield customer
                taken += 1
            if taken == sample:
                return

    def _nodes(self, seed: str) -> Iterator[NodeId]:
        """From somewhere in the midst to the end, then from the beginning: each once."""
        first, seen = self.census.somewhere(seed), set[NodeId]()
        cursor: str | None = first
        again = True
        for _ in range(MOST_PAGES):
            page = self.census.page(cursor)
            yield from (node for node in page.nodes if node not in seen)
            seen.update(page.nodes)
            cursor = page.cursor
            if cursor is None:
                if not again:
                    return
                again = False
