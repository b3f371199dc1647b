"""The rehearsal's one customer: what their events add up to, as decisions see it, kept up to date with each of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.joining import join
from omnicascade.domain.journeys.person import Contact, Person
from omnicascade.domain.profile import Profile
from omnicascade.domain.projection import Projection
from omnicascade.domain.rehearsal.stage import Stage


class Customer:
    """One customer, whose events are all of one node: a rehearsal has nobody else to take them for.

    Args:
        stage: says what is worth remembering.
        opening: the events that make them.
    """

    __slots__ = ("_contacts", "_history", "_new", "_node", "_person", "_profile", "_projection", "_stage")

    def __init__(self, stage: Stage, opening: Sequence[Event]) -> None:
        self._stage = stage
        self._node = opening[0].node_id
        self._projection = Projection()
        self._new: list[Event] = []
        self._history: dict[str, tuple[Event, ...]] = {}
        self._contacts: tuple[Contact, ...] = ()
        self._profile: Profile | None = None
        self._person: Person | None = None
        self.learn(opening)

    def learn(self, events: Iterable[Event]) -> None:
        """Take in what happened."""
        for event in events:
            self._new.append(event)
            if event.name in self._stage.history:
                self._history = {**self._history, event.name: (*self._history.get(event.name, ()), event)}
            self._profile = self._person = None

    def contacted(self, contact: Contact) -> None:
        """Remember a message that went out, for caps to count."""
        self._contacts, self._person = (*self._contacts, contact), None

    @property
    def profile(self) -> Profile:
        """Who they are by now."""
        if self._profile is None:
            definitions = self._stage.deployment.computed
            self._projection, self._new = fold(self._projection, self._new, definitions), []
            profile = join({self._node: self._projection}, definitions=definitions)
            if profile is None:
                raise UnacceptableError("the scenario names no customer")
            self._profile = profile
        return self._profile

    @property
    def known(self) -> tuple[Identifier, ...]:
        """Their identifiers, strongest first."""
        return tuple(known.identifier for known in self.profile.identifiers)

    @property
    def person(self) -> Person:
        """The customer as the engine sees them."""
        if self._person is None:
            self._person = Person(self.profile, self._history, self._contacts)
        return self._person

    def facts(self, now: datetime) -> Facts:
        """What a condition outside any run may look at."""
        return Facts(profile=self.profile, deployment=self._stage.deployment, history=self._history, now=now)
