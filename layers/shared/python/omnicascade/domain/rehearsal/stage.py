"""What every customer of a rehearsal shares: the journey, the deployment, and what a message costs; worked out once.

Exists apart from the world so that a hundred thousand customers pay for it once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.needs import needs_of
from omnicascade.domain.deployment import Deployment, Price
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.journey import Journey, ScheduleEntry, SegmentEntry, listens
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.profile import Profile


@dataclass(frozen=True, slots=True)
class Quote:
    """What would become of a message, were it sent now.

    Attributes:
        outcome: sent; failed where it cannot be written; refused where it may not go (its offer is over).
        price: what it costs, where it is sent.
        text: its words then.
    """

    outcome: Literal["sent", "failed", "refused"]
    reason: str
    price: Price | None = None
    text: str = ""


type Quoting = Callable[[Send, Run, Profile], Quote]

type Purse = dict[tuple[str, str], Decimal]
"""What was spent of budgets, by channel and month: one customer's world has its own, a population may share one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One version of a journey, ready to be rehearsed for any number of customers.

    Attributes:
        deployment: its caps count only what is rehearsed.
        quote: prices one message for one customer.
        condition: who may enter by being of a segment; None where the entry is no segment's, or it is not known.
        history: names of the events that conditions look back at.
        watched: whether the journey wants to look again after every event of its customer.
        capped: whether contacts are worth remembering.
    """

    journey: Journey
    deployment: Deployment
    quote: Quoting
    condition: Condition | None = field(init=False)
    history: frozenset[str] = field(init=False)
    watched: bool = field(init=False)
    capped: bool = field(init=False)

    def __post_init__(self) -> None:
        """Work out what is asked again and again."""
        condition = _entry_condition(self.journey, self.deployment)
        needs = engine.needs(self.journey, self.deployment)
        if condition is not None:
            needs |= needs_of(condition, self.deployment.segments)
        object.__setattr__(self, "condition", condition)
        object.__setattr__(self, "history", needs.names)
        object.__setattr__(self, "watched", bool(listens(self.journey)["watched"]))
        object.__setattr__(self, "capped", bool(self.deployment.caps or self.journey.cap))


def _entry_condition(journey: Journey, deployment: Deployment) -> Condition | None:
    if journey.own_segment is not None:
        return journey.own_segment
    if not isinstance(journey.entry, SegmentEntry | ScheduleEntry):
        return None
    segment = deployment.segments.get(journey.entry.segment)
    return segment.condition if segment else None
