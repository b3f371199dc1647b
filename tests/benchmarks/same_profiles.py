"""Whether the road of every event makes DuckDB's profiles of the reference stream, however the events arrive.

Speed counts only for the right answer. The stream walks the same code as on AWS, over the stores in memory: recorded
in batches, read from the table's stream in batches, looked up identifier by identifier. DuckDB sees all calls at once.
"""

import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Progress, apart, become_a_function
from tests.benchmarks.reference_stream import (
    EVENTS,
    Outcome,
    in_batches,
    oracle,
    reference_stream,
    segment_call,
    write_calls,
)

RECEIVED: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the events reach us.

    Attributes:
        batch: calls of a queue message, and records of a stream's batch.
        events: how many of the stream's.
        shuffled: in any order instead of the stream's own.
        again: every batch of the table's stream is read twice, the second time together with the next one.
    """

    batch: int
    events: int = EVENTS
    shuffled: bool = False
    again: bool = False

    def __str__(self) -> str:
        """In words."""
        order = ", shuffled" if self.shuffled else ""
        return f"{self.events} events in batches of {self.batch}{order}{', every record twice' if self.again else ''}"


SLICE: Final = 20_000
DELIVERIES: Final = (
    Delivery(100),
    Delivery(100, shuffled=True),
    Delivery(1, SLICE),
    Delivery(10, SLICE),
    Delivery(100, SLICE, again=True),
)


def measure(runs: int, progress: Progress) -> list[Figure]:
    """How many ways of delivery give DuckDB's profiles; how many profiles differ in number."""
    del runs  # right or wrong, every time
    wanted = {count: _oracle(count) for count in {delivery.events for delivery in DELIVERIES}}
    wrong: list[str] = []
    for delivery in DELIVERIES:
        progress(f"same_profiles: {delivery}")
        found = apart(profiles_of_stream, delivery)
        if found != wanted[delivery.events]:
            wrong.append(f"{delivery}: {found.profiles} profiles, digest {found.digest}")
    of_all = wanted[EVENTS]
    note = f"of {len(DELIVERIES)}; DuckDB makes {of_all.profiles} profiles, digest {of_all.digest}"
    return [
        Figure(
            name="same_profiles.wrong",
            value=len(wrong),
            unit="deliveries",
            floor=0,
            goal=0,
            runs=len(DELIVERIES),
            note="; ".join([note, *wrong]),
        )
    ]


def _oracle(count: int) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return oracle(write_calls(Path(folder) / "calls.jsonl", reference_stream(count)))


def profiles_of_stream(delivery: Delivery) -> Outcome:
    """What the road makes of the stream; for a process of its own."""
    become_a_function()
    return profiles_of([segment_call(event) for event in reference_stream(delivery.events)], delivery)


def profiles_of(calls: Sequence[dict[str, Any]], delivery: Delivery) -> Outcome:
    """Record calls, fold them, look everybody up."""
    from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
    from omnicascade.adapters.memory_runs import MemoryRunStore
    from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore
    from omnicascade.domain.deployment import Deployment
    from omnicascade.usecases.move_runs import JourneyDesk
    from omnicascade.usecases.ports import Envelope
    from omnicascade.usecases.project_profiles import project_profiles
    from omnicascade.usecases.record_events import record_events
    from tests.benchmarks.reference_stream import digest

    ordered = list(calls)
    if delivery.shuffled:
        random.Random(1).shuffle(ordered)
    events, customers = MemoryEventStore(), MemoryCustomerStore()
    configuration = MemoryConfigurationStore()
    runs, deployment = MemoryRunStore(customers), Deployment()
    desk = JourneyDesk(customers, runs, configuration, _NoTimer(), (), deployment, events)
    for batch in in_batches(ordered, delivery.batch):
        record_events(Envelope("web", RECEIVED, batch), events)
    before: Sequence[Any] = ()
    for batch in in_batches(events.stream, delivery.batch):
        failure = project_profiles([*before, *batch], customers=customers, events=events, desk=desk, now=RECEIVED)
        assert failure is None, failure
        before = batch if delivery.again else ()
    found = {arrival.event.node_id for arrival in events.stream}
    return digest(_everybody(found, customers, deployment.identity))


def _everybody(nodes: Iterable[Any], customers: Any, rules: Any) -> Iterable[Any]:
    from omnicascade.usecases.find_customer import find_customer

    told = set[Any]()
    for node in nodes:
        if node not in told:
            customer = find_customer(node, customers, rules)
            assert customer is not None, node
            told.update(customer.profile.members)
            yield customer.profile


class _NoTimer:
    """No journey runs here, so nobody is woken."""

    def start(self, run_id: str, task: object) -> str: ...
    def wake(self, token: str, waits: object) -> None: ...
    def finish(self, token: str, outcome: object) -> None: ...
    def name_audience(self, token: str, segment: str) -> None: ...
    def refuse(self, token: str, message: str) -> None: ...
