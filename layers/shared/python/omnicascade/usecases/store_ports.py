"""What the use cases need from the table. Verbs of the domain, not of a database.

The domain's own modules are named here for their types only: whoever stores events must not load journeys for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from omnicascade.domain.deployment import Channel, Deployment, Price
    from omnicascade.domain.event import Event
    from omnicascade.domain.identifiers import NodeId
    from omnicascade.domain.identity import Edge
    from omnicascade.domain.journeys.journey import Journey
    from omnicascade.domain.journeys.person import Contact
    from omnicascade.domain.journeys.run import Run
    from omnicascade.domain.projection import Projection
    from omnicascade.usecases.segment_ports import Membership


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a timeline; `cursor` is None on the last one."""

    events: Sequence[Event]
    cursor: str | None


class EventStore(Protocol):
    """The append-only events."""

    def add(self, event: Event) -> bool:
        """Store an event once. False when its message id is already there: nothing changes then.

        Raises:
            UnavailableError: not stored; the caller must try again.
        """
        ...

    def add_all(self, events: Sequence[Event]) -> int:
        """Store each of several events once, as `add` does; returns how many were new.

        Not all or none: a process that dies on the way leaves some of them stored.

        Raises:
            OmnicascadeError: one of them at least was not stored, all others were tried. May be repeated as a whole.
        """
        ...

    def remove(self, events: Collection[Event]) -> None:
        """Delete these events; one that is not there is no fault."""
        ...

    def events_of(self, node: NodeId) -> Iterator[Event]:
        """Every event of a node, in no order; what was stored before the call is among them (consistent)."""
        ...

    def rename(self, event: Event) -> None:
        """Replace the identifiers of a stored event that stays where it is; one that is gone stays gone."""
        ...

    def timeline(
        self, nodes: Collection[NodeId], limit: int, cursor: str | None, *, oldest_first: bool = False
    ) -> Page:
        """Events of some nodes, newest first; going on with a cursor loses none and repeats none, whatever was added.

        Raises:
            MalformedBodyError: the cursor is not one of ours.
        """
        ...

    def arrived(
        self, nodes: Collection[NodeId], names: Collection[str], *, happened_from: datetime, received_from: datetime
    ) -> Sequence[Event]:
        """Events with one of these names that arrived since a moment; reads what was stored up to now (consistent)."""
        ...


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a customer stands with one journey and key: the memory of re-entry.

    It is taken in one write with the start of a run, so that of two starts one is refused; whether that run still lives
    says the run.

    Attributes:
        run_id: the latest run.
        entries: how many there were.
        last_started, first_started: when the latest and the first of them did (UTC).
        anchor: what hold-out and splits are decided by: the profile id at the customer's first entry into the journey.
    """

    node: NodeId
    journey: str
    key: str | None
    run_id: str
    entries: int
    last_started: datetime
    first_started: datetime
    anchor: str


@dataclass(frozen=True, slots=True)
class ContactLog:
    """The messages to one node's customer that caps still look at; `revision` is the condition of its next write."""

    node: NodeId
    revision: int = 0
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """All that is known of one node except its events and runs: one read."""

    node: NodeId
    projection: Projection | None = None
    watermark: str = ""
    edges: Sequence[Edge] = ()
    slots: Sequence[Slot] = ()
    contacts: ContactLog | None = None
    memberships: Sequence[Membership] = ()
    runs: Sequence[StoredRun] = ()
    """The live ones."""


@dataclass(frozen=True, slots=True)
class StoredProjection:
    """A projection as it is stored; `watermark` changes with every write of it."""

    projection: Projection
    watermark: str


@dataclass(frozen=True, slots=True)
class ProjectionChange:
    """A projection to be stored in place of one that was read.

    Attributes:
        node: whose.
        projection: the new one.
        watermark: kept beside it; never empty, and another one than before.
        previous: the watermark that was read; empty when there was no projection.
    """

    node: NodeId
    projection: Projection
    watermark: str
    previous: str


MOST_PARTNERS: Final = 1_100
"""Others to which `CustomerStore.head` tells the edges of one node: enough to know that it is crowded
(`IdentityRules.max_identifiers`, 1,000 at most), and an end to what reading an identifier of ten thousand costs."""


class HeadReader(Protocol):
    """All that finding a customer needs."""

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """Read a node; an unknown one is an empty head. Edges to more than `MOST_PARTNERS` others are left out."""
        ...


class CustomerStore(HeadReader, Protocol):
    """Projections and edges, by node."""

    def projections(self, nodes: Collection[NodeId], *, consistent: bool) -> Mapping[NodeId, StoredProjection]:
        """The projections of some nodes; those that have none are left out."""
        ...

    def propose(self, edges: Collection[Edge]) -> None:
        """Store edges, each at both of its ends. May be repeated; `Edge.outranks` tells which of two is kept.

        Raises:
            OmnicascadeError: some end at least was not stored, all others were tried. May be repeated as a whole.
        """
        ...

    def withdraw(self, edges: Collection[Edge]) -> None:
        """Delete edges at both of their ends; where another proposal has taken an edge's place, that one stays."""
        ...

    def save_projections(self, changes: Sequence[ProjectionChange]) -> frozenset[NodeId]:
        """Replace projections, each only if it still is the one that was read; at most one change a node.

        Returns the nodes where another writer was first: nothing changed there, read them again.

        Raises:
            OmnicascadeError: some change at least was not stored, all others were tried. The caller reads again.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run with what only the store and the timer know of it.

    Attributes:
        run: the domain's run.
        revision: grows by one with every write; the condition of the next.
        token: the Step Functions task token that waits for this run, or empty.
        entered: when the latest state that took the run in hand was entered (`Task.entered`): a sender that outlives
            its state must not put its own token over its successor's.
        rings_at: when the task that waits, or the audience, looks at the run by itself: the next moment that whoever
            moved it last foresaw. Whoever brings the moment forward tells them, and a repetition after a crash knows
            that it still must.
    """

    run: Run
    revision: int
    token: str = ""
    entered: str = ""
    rings_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as the provider knows it, to find its run again from feedback."""

    provider_id: str
    message_id: str
    run_id: str
    journey: str
    step: str
    channel: str
    template: str
    profile_id: str
    to: str
    at: datetime
    outcome: str
    cost: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a message will cost, to be taken from its journey's budget of one calendar month and channel."""

    journey: str
    channel: Channel
    month: str
    """`2026-03`, in the deployment's zone."""
    price: Price
    limit: Price


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold and change together with a message's claim in its run; each part may be absent.

    Attributes:
        contact: the message, to be added to `log` if nobody else changed that log since it was read.
        log: of the customer's profile id, as it was read.
        keep_from: contacts before this moment are dropped from the log.
        reservation: fails the claim when the budget does not have it any more.
    """

    contact: Contact | None = None
    log: ContactLog | None = None
    keep_from: datetime | None = None
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class LivePage:
    """Some live runs' ids; `cursor` is None on the last page."""

    run_ids: Sequence[str]
    cursor: str | None


class RunStore(Protocol):
    """Runs, their slots, the messages they sent, and what these took of caps and budgets."""

    def start(self, run: Run, slot: Slot | None) -> StoredRun:
        """Create a run and take its slot, both or neither; `slot` is what was read before deciding.

        A run that exists already under the same id is returned as it is: starting twice starts once.

        Raises:
            StaleWriteError: the slot changed since it was read; decide again.
        """
        ...

    def load(self, run_id: str) -> StoredRun | None:
        """Read a run (consistent)."""
        ...

    def save(
        self,
        before: StoredRun,
        run: Run,
        *,
        token: str,
        entered: str | None = None,
        give_back: Claim | None = None,
    ) -> StoredRun:
        """Replace a run if nobody else did since `before`.

        `entered` left out stays as it was. `give_back` is what a message took of caps and budget that surely was not
        sent, as this write says: it goes back in the same write, so that it goes back exactly once.

        Raises:
            StaleWriteError: another writer was first; load it again.
        """
        ...

    def claim(
        self, before: StoredRun, run: Run, claim: Claim, *, token: str = "", entered: str | None = None
    ) -> StoredRun:
        """`save`, all of the claim with it, or nothing.

        Raises:
            StaleWriteError: another writer changed the run or the log first; load both again.
            BudgetSpentError: the budget has less left than the message costs; nothing changed.
        """
        ...

    def spent(self, journey: str, channel: str, month: str) -> Price | None:
        """What a journey's messages of a channel took of a month's budget so far; None: nothing."""
        ...

    def live_runs(self, journey: str | None, cursor: str | None, limit: int) -> LivePage:
        """Ids of live runs, of one journey or of all, in no order of time; may lag a moment behind (index).

        Raises:
            MalformedBodyError: the cursor is not one of ours.
        """
        ...

    def note_message(self, message: SentMessage) -> None:
        """Remember a sent message under its provider's id."""
        ...

    def find_message(self, provider_id: str) -> SentMessage | None:
        """The message a provider speaks of, or None."""
        ...

    def runs_of(self, nodes: Collection[NodeId], journey: str | None = None) -> Sequence[Run]:
        """Every run of a customer, in one journey or in all of them, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class JourneyListing:
    """One line of the journey index."""

    name: str
    version: int
    active: bool
    title: str
    listens: Mapping[str, Sequence[str]]
    """Names of events by what they do: see `journey.listens`."""
    paused: bool = False
    """Nobody enters and nothing is sent until it is resumed."""


class JourneyStore(Protocol):
    """Journey definitions, every version of them, and the templates they name."""

    def listing(self) -> Sequence[JourneyListing]:
        """The current version of every journey (consistent, one read)."""
        ...

    def journey(self, name: str, version: int | None = None) -> Journey | None:
        """A version of a journey, or the current one."""
        ...

    def definition(self, name: str, version: int | None = None) -> Mapping[str, Any] | None:
        """The definition of a version, or the current one, as it was put."""
        ...

    def put_journey(self, journey: Journey, definition: Mapping[str, Any]) -> Journey:
        """Store a new version, or nothing when the definition is the current one; returns it with its version."""
        ...

    def set_paused(self, name: str, *, paused: bool) -> bool:
        """Close a journey's door or open it again, whatever version is current; whether that changed anything.

        Raises:
            NotFoundError: no such journey.
            ConflictError: another change of the journeys was made at the same moment; try again.
        """
        ...

    def deployment(self) -> Deployment:
        """The deployment's settings."""
        ...


class Errands(Protocol):
    """Work to be done later, at a moment or as soon as possible. Every errand may be run twice."""

    def run_at(self, at: datetime, errand: Mapping[str, Any], now: datetime) -> None:
        """Keep an errand until its moment; the same one (kind, subject and moment) again changes nothing.

        Raises:
            UnavailableError: not kept; try again.
        """
        ...
