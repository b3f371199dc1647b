"""What becomes of proposals, as metrics, and super-nodes as warnings: identity must not fail in silence.

Metrics per `table`: `merged`, `linked`, `refused` (also per `reason`), `super_nodes` and `unwatched`. They count at
least once: what a batch that is delivered again has to store again is counted again. A quiet deployment sees every
proposal. A busy one sees a sample, because a look costs as much as the road of a hundred events, and `unwatched` says
how many proposals that leaves out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from omnicascade.contracts import SUPER_NODES_METRIC
from omnicascade.domain.errors import OmnicascadeError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.usecases.store_ports import HeadReader
from omnicascade.usecases.watch_identity import IdentityOutcomes, watch_identity
from omnicascade.wiring.clock import now
from omnicascade.wiring.embedded_metrics import metric_fields

CROWD_MEMORY: Final = timedelta(minutes=5)
"""How long an identifier with too many others is not read again: each reading costs some 40 read units. As long as the
alarm's period, so that the alarm lasts as long as such proposals come."""

WATCH_EVERY: Final = timedelta(seconds=1)
"""How long after a look the next batch may be looked at. A look reads 25 customers at most, of two or three identifiers
as a rule; each of these costs half a read unit and a millisecond of processor."""


class IdentityMetrics:
    """Watches the proposals of one deployment. A failure to read them is logged, and harms nobody."""

    def __init__(self, logger: Logger, customers: HeadReader, table: str) -> None:
        """Args: table is the name of the table, the metrics' dimension."""
        self._logger = logger
        self._customers = customers
        self._table = table
        self._crowded: dict[NodeId, datetime] = {}
        self._looked: datetime | None = None
        self._unwatched = 0

    def __call__(self, edges: Sequence[Edge], rules: IdentityRules) -> None:
        """Count what became of proposals that were just stored, unless another batch was looked at a moment ago."""
        if self._looked and abs(now() - self._looked) < WATCH_EVERY:
            self._unwatched += len(edges)
            return
        self._looked = now()
        crowded = {node for node, seen in self._crowded.items() if now() - seen < CROWD_MEMORY}
        try:
            outcomes = watch_identity(edges, self._customers, rules, crowded=crowded)
        except OmnicascadeError as error:
            self._logger.warning("identity_not_watched", extra={"reason": str(error)})
            return
        self._remember(crowded, [n for n, others in outcomes.super_nodes.items() if others > rules.max_identifiers])
        self._warn(outcomes.super_nodes, rules)
        self._count(outcomes, len(outcomes.super_nodes.keys() | _named(edges, crowded)))

    def _remember(self, known: Collection[NodeId], found: Collection[NodeId]) -> None:
        self._crowded = {node: self._crowded[node] for node in known} | dict.fromkeys(found, now())

    def _warn(self, super_nodes: Mapping[NodeId, int], rules: IdentityRules) -> None:
        """One line each, with the node's hash: an identifier's value is personal data."""
        for node, others in super_nodes.items():
            details = {"node": node, "others": others, "most": rules.max_identifiers}
            self._logger.warning("super_node", extra=details)

    def _count(self, outcomes: IdentityOutcomes, super_nodes: int) -> None:
        counts = {
            "merged": outcomes.merged,
            "linked": outcomes.linked,
            "unwatched": self._unwatched + outcomes.unwatched,
            SUPER_NODES_METRIC: super_nodes,
        }
        self._unwatched = 0
        if any(counts.values()):
            fields = metric_fields(counts, [["table"]], now())
            self._logger.info("identities_joined", extra={"table": self._table, **fields})
        for reason, refused in outcomes.refused.items():
            fields = metric_fields({"refused": refused}, [["table"], ["table", "reason"]], now())
            self._logger.info("joining_refused", extra={"table": self._table, "reason": reason, **fields})


def _named(edges: Sequence[Edge], nodes: Collection[NodeId]) -> set[NodeId]:
    return {end.node_id for edge in edges for end in (edge.a, edge.b)} & {*nodes}
