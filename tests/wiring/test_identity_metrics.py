"""What becomes of proposals, as the log and CloudWatch's metrics get to see it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.usecases.store_ports import Head
from omnicascade.wiring import clock
from omnicascade.wiring.identity_metrics import CROWD_MEMORY, WATCH_EVERY, IdentityMetrics
from tests.identity_streams import T0

RULES = IdentityRules(max_identifiers=4)
ANN, BOB, VISIT = Identifier("user_id", "ann"), Identifier("user_id", "bob"), Identifier("anonymous_id", "v")


def edge(a: Identifier, b: Identifier, minute: int) -> Edge:
    return Edge(a, b, T0 + timedelta(minutes=minute), MessageId(f"m-{minute}"))


class Bench:
    """Metrics over a store in memory, on a clock of its own."""

    def __init__(self, service: str) -> None:
        self.now = T0
        self.out = StringIO()
        self.reads: list[NodeId] = []
        self.down = False
        self._store = MemoryCustomerStore()
        self._metrics = IdentityMetrics(Logger(service=service, stream=self.out), self, "customers")

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        if self.down:
            raise UnavailableError("throttled")
        self.reads.append(node)
        return self._store.head(node, consistent=consistent)

    def watch(self, *edges: Edge, wait: timedelta = WATCH_EVERY) -> Sequence[dict[str, Any]]:
        """Store and watch some proposals a while after the last ones; returns the lines logged."""
        self.now += wait
        self._store.propose(edges)
        before = self.out.tell()
        self._metrics(edges, RULES)
        return [json.loads(line) for line in self.out.getvalue()[before:].splitlines()]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each test has a logger of its own, because loggers of one name are one."""
    bench = Bench(request.node.name)

    def now() -> datetime:
        return bench.now

    clock.use(now)
    yield bench
    clock.use(None)


def counted(lines: Sequence[dict[str, Any]]) -> dict[str, int]:
    """What CloudWatch would count: metrics by name, and by reason where a line has one."""
    counts: dict[str, int] = {}
    for line in lines:
        for declared in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert declared["Namespace"] == "omnicascade"
            assert ["table"] in declared["Dimensions"]
            assert all(isinstance(line[name], str) for names in declared["Dimensions"] for name in names)
            suffix = f" {line['reason']}" if ["table", "reason"] in declared["Dimensions"] else ""
            counts |= {metric["Name"] + suffix: line[metric["Name"]] for metric in declared["Metrics"]}
    return {name: count for name, count in counts.items() if count}


def test_links_merges_and_refusals_are_counted(bench: Bench) -> None:
    """One line of metrics a batch, and one for each reason of refusals."""
    assert counted(bench.watch(edge(ANN, VISIT, 1))) == {"linked": 1}
    assert counted(bench.watch(edge(BOB, VISIT, 2), edge(BOB, Identifier("email", "b@example.com"), 2))) == {
        "linked": 1,
        "refused limit": 1,
    }
    assert counted(bench.watch(edge(ANN, Identifier("email", "b@example.com"), 3))) == {"refused limit": 1}


def test_a_crowd_is_warned_of_by_its_hash(bench: Bench) -> None:
    """The line says which node, with how many and how many are too many; never the value, which is personal."""
    people = [edge(Identifier("user_id", f"u-{n}"), VISIT, n) for n in range(4)]
    lines = bench.watch(*people)
    (warning,) = [line for line in lines if line["level"] == "WARNING"]
    assert (warning["message"], warning["node"]) == ("super_node", VISIT.node_id)
    assert (warning["others"], warning["most"]) == (4, 4)
    assert counted(lines)["super_nodes"] == 1
    assert '"v"' not in bench.out.getvalue()
    assert "anonymous_id:v" not in bench.out.getvalue()


def test_a_crowd_stays_counted_and_is_not_read_again(bench: Bench) -> None:
    """The alarm lasts as long as such proposals come; the identifier is looked at again only after a while."""
    bench.watch(*[edge(Identifier("user_id", f"u-{n}"), VISIT, n) for n in range(6)])
    bench.reads.clear()
    assert counted(bench.watch(edge(ANN, VISIT, 9))) == {"refused super_node": 1, "super_nodes": 1}
    assert bench.reads == []
    assert counted(bench.watch(edge(BOB, VISIT, 10), wait=CROWD_MEMORY))["super_nodes"] == 1
    assert VISIT.node_id in bench.reads


def test_a_busy_deployment_is_sampled(bench: Bench) -> None:
    """What comes a moment after a look is not looked at, and the next look says how many that were."""
    bench.watch(edge(ANN, VISIT, 1))
    reads = len(bench.reads)
    assert bench.watch(edge(BOB, VISIT, 2), wait=WATCH_EVERY / 2) == []
    assert len(bench.reads) == reads
    new = Identifier("user_id", "new")
    assert counted(bench.watch(edge(new, Identifier("email", "n@example.com"), 3))) == {"linked": 1, "unwatched": 1}


def test_watching_never_stops_the_road(bench: Bench) -> None:
    """A store that does not answer is a line in the log, and nothing to the batch."""
    bench.down = True
    (line,) = bench.watch(edge(ANN, VISIT, 1))
    assert (line["level"], line["message"], line["reason"]) == ("WARNING", "identity_not_watched", "throttled")
