"""What a condition may look at: the customer, the event at hand, the run, and the moment.

Exists apart from judging so that whoever asks can gather it once for many questions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.event import Event
from omnicascade.domain.profile import Profile


@cache
def _standard() -> Deployment:
    """One for all: `where` is judged for each event, and looks at no setting."""
    return Deployment()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one judgement reads.

    Attributes:
        profile: the customer as they are after the event at hand; None where only an event is judged.
        event: the entry event, or in `where` the arriving one, as the nested mapping that paths walk through.
        deployment: decides what silence about consent means, which channels are off, and what each segment is.
        steps: states of each step so far (`STEP_STATES`), by step id.
        history: the customer's events by name (by type for page, screen, identify), in any order.
        now: the moment of the question (UTC); None where no test asks for it.
        started_at: when the run began: the entry event's own time, or the start by hand; None outside a run.
        key: the run's business key as text.
    """

    profile: Profile | None = None
    event: Mapping[str, Any] | None = None
    deployment: Deployment = field(default_factory=_standard)
    steps: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    history: Mapping[str, tuple[Event, ...]] = field(default_factory=dict[str, tuple[Event, ...]])
    now: datetime | None = None
    started_at: datetime | None = None
    key: str | None = None
