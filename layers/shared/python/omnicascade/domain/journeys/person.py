"""The person that a run is about: everything of one customer that a decision may look at, read once, frozen.

Exists so that the engine, the rehearsal and the functions that read the table decide on the same facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event
from omnicascade.domain.profile import Profile

type JourneyClass = Literal["marketing", "transactional"]


@dataclass(frozen=True, slots=True)
class Contact:
    """A message that was claimed and not taken back: what frequency caps count."""

    at: datetime
    message_id: str
    channel: Channel
    journey: str
    kind: JourneyClass = "marketing"


@dataclass(frozen=True, slots=True)
class Person:
    """One customer as decisions see them, after the event at hand.

    Attributes:
        profile: who they are.
        history: their events by name (by type for page, screen, identify), in any order: those of the names that the
            conditions at hand ask for (`conditions.needs`), and not older than they ask for.
        contacts: messages to them, of every member and journey, as far back as the longest cap looks.
    """

    profile: Profile
    history: Mapping[str, tuple[Event, ...]] = field(default_factory=dict[str, tuple[Event, ...]])
    contacts: tuple[Contact, ...] = ()
