"""The rebuild of everything as a job: many workers, each with some objects of the archive.

The archive only tells which identifiers there are; what is known of them is read from the table, where all events are.
An identifier belongs to the object that holds its latest event, so each is visited once however many name it. Customers
of whom nothing was archived within the archive's retention are not visited.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from omnicascade.domain.deployment import Deployment, Source
from omnicascade.domain.deployment_json import source_from
from omnicascade.domain.errors import InvalidInputError
from omnicascade.domain.identifiers import NodeId, parse_identifier
from omnicascade.domain.identity_rules_json import rules_from
from omnicascade.domain.json_text import mapping
from omnicascade.usecases.reproject_node import (
    CustomerChange,
    ForeseenCustomers,
    NodeChange,
    Rebuilder,
    Rules,
    compare_customers,
)
from omnicascade.usecases.store_ports import CustomerStore, EventStore

ARCHIVE_PREFIX: Final = "archive/"
INPUT_KEYS: Final = ("dry_run", "identity", "prefix")
MOST_EXAMPLES: Final = 20
"""Customers that a report names; it counts all of them."""
_LATEST: Final = 25


class ArchiveReader(Protocol):
    """Reads what was archived."""

    def lines(self, key: str) -> Iterable[Mapping[str, Any]]:
        """The archived events of one object; none when it is gone."""
        ...


class Settings(Protocol):
    """What the deployment was configured with."""

    def deployment(self) -> Deployment:
        """The settings that rules read."""
        ...

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Every source."""
        ...


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What every worker of one rebuild is told.

    Attributes:
        generation: the execution's name.
        started: when it began (UTC); what was received later is not its business.
        dry_run: nothing is written.
        prefix: which part of the archive.
        identity: rules to be tried instead of the deployed ones, in a dry run.
    """

    generation: str
    started: datetime
    dry_run: bool
    prefix: str = ARCHIVE_PREFIX
    identity: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """As it travels through the state machine."""
        return asdict(self) | {"started": self.started.isoformat()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RebuildPlan:
        """Read what `as_json` wrote."""
        return cls(
            generation=values["generation"],
            started=datetime.fromisoformat(values["started"]),
            dry_run=values["dry_run"],
            prefix=values["prefix"],
            identity=values["identity"],
        )


def plan_rebuild(given: object, *, execution: str, started: datetime) -> RebuildPlan:
    """Check what a person started the rebuild with.

    Args:
        given: `{"dry_run": true, "identity": {…}, "prefix": "archive/2026/"}`; all of it optional, and a dry run unless
            `dry_run` is false.
        execution: the execution's name.
        started: when it began (UTC).

    Raises:
        InvalidInputError: says what to change.
    """
    if not isinstance(given, dict):
        raise InvalidInputError('the input must be an object, such as {"dry_run": true}')
    values = mapping(given)  # pyright: ignore[reportUnknownArgumentType]
    unknown = sorted(set(values) - set(INPUT_KEYS))
    if unknown:
        raise InvalidInputError(f"unknown {', '.join(unknown)}; known are {', '.join(INPUT_KEYS)}")
    dry_run, prefix, identity = (
        values.get("dry_run", True),
        values.get("prefix", ARCHIVE_PREFIX),
        values.get("identity"),
    )
    if not isinstance(dry_run, bool):
        raise InvalidInputError("dry_run must be true or false")
    if not isinstance(prefix, str) or not prefix.startswith(ARCHIVE_PREFIX):
        raise InvalidInputError(f"prefix must begin with {ARCHIVE_PREFIX}")
    if identity is not None:
        if not dry_run:
            raise InvalidInputError("identity may be tried in a dry run only; deploy the rules, then rebuild by them")
        rules_from(mapping(identity))
    return RebuildPlan(execution, started, dry_run, prefix, None if identity is None else mapping(identity))


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of visiting some identifiers.

    Attributes:
        report: see `report_of`.
        waiting: those that had events under way, some of them moved here a moment ago; to be visited again.
    """

    report: dict[str, Any]
    waiting: Sequence[NodeId]


@dataclass(frozen=True, slots=True)
class RebuildWorker:
    """Rebuilds the identifiers of some archive objects."""

    events: EventStore
    customers: CustomerStore
    settings: Settings
    archive: ArchiveReader

    def read(self, plan: RebuildPlan, keys: Sequence[str]) -> Visit:
        """Visit every identifier whose latest event is in one of these objects.

        Raises:
            UnavailableError: a store did not answer; call again.
        """
        return self.visit(plan, self._own(plan, keys), objects=len(keys))

    def visit(self, plan: RebuildPlan, nodes: Sequence[NodeId], *, objects: int = 0) -> Visit:
        """Visit some identifiers; raises as `read`."""
        rules = self._rules(plan)
        rebuilder = Rebuilder(self.events, self.customers, rules)
        foreseen = ForeseenCustomers(self.events, self.customers, rules)
        changes, customers = list[NodeChange](), list[CustomerChange]()
        for node in nodes:
            changes.append(rebuilder.foresee(node) if plan.dry_run else rebuilder.reproject(node))
            if plan.dry_run:
                changed = compare_customers(
                    node, now=self.settings.deployment(), customers=self.customers, foreseen=foreseen
                )
                customers += [changed] if changed else []
        waiting = () if plan.dry_run else tuple(change.node for change in changes if change.busy)
        told = [change for change in changes if change.node not in waiting]
        return Visit(report_of(objects, told, customers), waiting)

    def _rules(self, plan: RebuildPlan) -> Rules:
        deployment = self.settings.deployment()
        if plan.identity is not None:
            tried = rules_from(plan.identity)
            deployment = replace(deployment, identity=replace(tried, trust=deployment.identity.trust))
        sources: dict[str, Source] = {values["name"]: source_from(values) for values in self.settings.sources()}
        return Rules(deployment, sources, plan.generation)

    def _own(self, plan: RebuildPlan, keys: Sequence[str]) -> list[NodeId]:
        """The identifiers that these objects answer for."""
        named: defaultdict[NodeId, set[str]] = defaultdict(set)
        for key in keys:
            for line in self.archive.lines(key):
                strongest = next(iter(line["identifiers"]), None)
                identifier = parse_identifier(strongest) if strongest else None
                if identifier:
                    named[identifier.node_id].add(line["call"]["messageId"])
        return [node for node, ids in sorted(named.items()) if self._latest(node, plan.started) in {None, *ids}]

    def _latest(self, node: NodeId, started: datetime) -> str | None:
        """The latest event of an identifier that was there when the rebuild began; None where that is long past."""
        page = self.events.timeline([node], _LATEST, None)
        return next((event.message_id for event in page.events if event.received_at <= started), None)


def report_of(objects: int, changes: Sequence[NodeChange], customers: Sequence[CustomerChange]) -> dict[str, Any]:
    """What was or would be changed, JSON-ready: counts, and some customers by name."""
    distinct = {(change.profile_id, tuple(change.identifiers)): change for change in customers}.values()
    return {
        "objects": objects,
        "identifiers": len(changes),
        "events": sum(change.events for change in changes),
        "moved": sum(change.moved for change in changes),
        "renamed": sum(change.renamed for change in changes),
        "edges_proposed": sum(change.proposed for change in changes),
        "edges_withdrawn": sum(change.withdrawn for change in changes),
        "projections_changed": sum(change.changed for change in changes),
        "busy": sum(change.busy for change in changes),
        "customers_joining": sum(bool(change.joining) for change in distinct),
        "customers_splitting": sum(bool(change.leaving) for change in distinct),
        "examples": [asdict(change) for change in sorted(distinct, key=_by_id)[:MOST_EXAMPLES]],
    }


def _by_id(change: CustomerChange) -> str:
    return change.profile_id


def total(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The workers' reports as one. A customer that several workers saw is counted by each of them."""
    counts, examples = Counter[str](), dict[str, Any]()
    for report in reports:
        counts.update({name: count for name, count in report.items() if isinstance(count, int)})
        examples |= {change["profile_id"]: change for change in report["examples"]}
    names = list(report_of(0, (), ()))
    return {name: counts[name] for name in names if name != "examples"} | {
        "examples": [examples[profile_id] for profile_id in sorted(examples)[:MOST_EXAMPLES]]
    }
