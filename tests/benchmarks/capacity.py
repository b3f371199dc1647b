"""Request units of an event on its whole road, and whether they grow with the table, the customer or the crowd.

The functions' own handlers walk the reference stream over the metered table: record_events in messages of a hundred
calls, project_profiles in batches of a hundred records. No journey is active; one that listens to an event reads the
customer besides. Failed conditions (redeliveries) and keys that are not there are paid for like on AWS.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Progress, apart, become_a_function
from tests.benchmarks.reference_stream import EVENTS, in_batches, reference_stream, segment_call

BATCH: Final = 100
QUIET_EVENTS: Final = 10_000
CHECKED_EVENTS: Final = 1_000
"""Walked over DynamoDB Local too, every answer compared."""

MIX: Final = 2_000
CROWD: Final = 10_000
HISTORY: Final = 10_000
AFTERWARDS: Final = 500
STRANGERS_ASKED: Final = 50
DAY_MS: Final = 86_400_000

BUSY: Final = timedelta(milliseconds=100)
"""Between two batches of a shard that takes a thousand events a second, as many as it can."""
QUIET: Final = timedelta(seconds=1)
"""Between two batches of a shard that takes a hundred: every batch's proposals are watched."""

RECEIVED: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
TABLE: Final = "bench"

type Call = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one event.

    Attributes:
        written, read: request units by kind of item.
        cpu_us: microseconds of the client's CPU.
    """

    written: Mapping[str, float]
    read: Mapping[str, float]
    cpu_us: float

    @property
    def writes(self) -> float:
        """Write units in all."""
        return sum(self.written.values())

    @property
    def reads(self) -> float:
        """Read units in all."""
        return sum(self.read.values())


@dataclass(frozen=True, slots=True)
class Crowd:
    """What 10,000 people at one device cost, and how many of those asked were joined with a stranger."""

    cost: Cost
    joined: int


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The figures of capacity; units do not vary from run to run."""
    del runs
    progress(f"capacity: {CHECKED_EVENTS} events over DynamoDB Local")
    checked = apart(compared_calls, CHECKED_EVENTS)
    progress(f"capacity: {EVENTS} events over the metered table")
    whole = apart(cost_of_stream, EVENTS)
    quiet = apart(cost_of_stream, QUIET_EVENTS, QUIET)
    told = f"{_split(whole.written)}; batches of {BATCH}; model agreed with DynamoDB Local in {checked} calls"
    figures = [
        Figure(name="capacity.write_units", value=whole.writes, unit="WRU/event", floor=2.0, goal=3.2, note=told),
        Figure(
            name="capacity.read_units",
            value=whole.reads,
            unit="RRU/event",
            goal=0.5,
            note=f"{_split(whole.read)}; a thousand events a second",
        ),
        Figure(
            name="capacity.read_units_quiet",
            value=quiet.reads,
            unit="RRU/event",
            note=f"{_split(quiet.read)}; a hundred events a second, first {QUIET_EVENTS}",
        ),
    ]
    progress("capacity: a small table and one of 1,000,000 profiles")
    return [*figures, *_flatness(), *_crowds(progress)]


def _flatness() -> Iterable[Figure]:
    small, large = apart(cost_beside, 1_000), apart(cost_beside, 1_000_000)
    new, old = apart(cost_after, 0), apart(cost_after, HISTORY)
    yield Figure(
        name="capacity.growth_units",
        value=_units(large) / _units(small),
        unit="x small",
        floor=1.0,
        goal=1.1,
        note="1,000,000 other profiles against 1,000",
    )
    yield Figure(
        name="capacity.growth_cpu",
        value=large.cpu_us / small.cpu_us,
        unit="x small",
        floor=1.0,
        goal=1.1,
        note="client's CPU, single runs",
    )
    yield Figure(
        name="capacity.long_history",
        value=_units(old) / _units(new),
        unit="x new",
        floor=1.0,
        goal=1.1,
        note=f"a customer of {HISTORY} events against a new one, event by event",
    )


def _crowds(progress: Progress) -> Iterable[Figure]:
    progress(f"capacity: {CROWD} people at one device")
    usual = apart(cost_of_crowd, "devices of their own")
    for kind, name in (("shared device", "shared"), ("usual source", "web")):
        crowd = apart(cost_of_crowd, kind)
        note = f"one device, {kind}: {_split(crowd.cost.written)}"
        yield Figure(
            name=f"capacity.crowd_{name}",
            value=_units(crowd.cost) / _units(usual.cost),
            unit="x usual",
            floor=1.0,
            goal=1.2,
            note=note,
        )
        asked = f"of {STRANGERS_ASKED} asked"
        yield Figure(name=f"capacity.strangers_{name}", value=crowd.joined, unit="joined", floor=0, goal=0, note=asked)


def _split(units: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {used:.3f}" for kind, used in sorted(units.items()))


def _units(cost: Cost) -> float:
    """In write units; on demand a read unit costs a fifth of one (0.125 and 0.625 USD a million)."""
    return cost.writes + cost.reads / 5


class Road:
    """Both handlers over one metered table; for a process of its own."""

    def __init__(self, between: timedelta = BUSY) -> None:
        """Become the functions, with a client that the table answers.

        Args:
            between: how much time passes from one batch of the stream to the next: what is watched is watched by time.
        """
        become_a_function()
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - metrics go there to the process's end
        from functions.project_profiles.handler import handler as project
        from functions.record_events.handler import handler as record
        from omnicascade.wiring import clock
        from omnicascade.wiring.clients import client
        from tests.benchmarks.metered_table import MeteredTable

        self.table = MeteredTable()
        self.events: Any = client("dynamodb").meta.events
        self._record, self._project = record, project
        self._read = 0
        self._batches = 0
        clock.use(lambda: RECEIVED + self._batches * between)

    def walk(self, calls: Sequence[Call], batch: int = BATCH, *, shared_device: bool = False) -> Cost:
        """All of it for these calls; the cost of one."""
        before, answering = self.table.used, self.table.cpu_s
        spent = 0.0
        for some in in_batches(calls, batch):
            records = [{"messageId": "1", "body": body} for body in _bodies(some, shared_device=shared_device)]
            spent += self._timed(self._record, records)
        while fresh := self.table.stream[self._read : self._read + batch]:
            self._read += len(fresh)
            self._batches += 1
            spent += self._timed(self._project, fresh)
        used, count = self.table.used.since(before), len(calls)
        return Cost(
            {kind: units / count for kind, units in used.written.items()},
            {kind: units / count for kind, units in used.read.items()},
            (spent - (self.table.cpu_s - answering)) / count * 1e6,
        )

    def _timed(self, handler: Any, records: Sequence[Mapping[str, Any]]) -> float:
        started = time.process_time()
        answer = handler({"Records": records}, None)
        spent = time.process_time() - started
        assert answer["batchItemFailures"] == [], answer
        return spent


def _bodies(calls: Sequence[Call], *, shared_device: bool) -> list[str]:
    from omnicascade.adapters.events_queue import encode
    from omnicascade.usecases.ports import Envelope

    return list(encode(Envelope("web", RECEIVED, calls, None, shared_device)))


def _answered_road(between: timedelta = BUSY) -> Road:
    road = Road(between)
    road.table.attach(road.events)
    return road


def cost_of_stream(count: int, between: timedelta = BUSY) -> Cost:
    """Of the reference stream, the duplicates included."""
    return _answered_road(between).walk([segment_call(event) for event in reference_stream(count)])


def compared_calls(count: int) -> int:
    """Walk the stream over DynamoDB Local, every answer compared; how many answers agreed."""
    from tests.dynamodb_local import local_dynamodb

    with local_dynamodb(fetch=True) as database:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = database.url
        database.create_table(TABLE)
        road = Road()
        road.table.stand_before(road.events)
        road.walk([segment_call(event) for event in reference_stream(count)])
        return road.table.compared


def cost_beside(others: int) -> Cost:
    """Of the stream's first events once more a day later, by the same people, beside so many other profiles."""
    road = _answered_road()
    item = {"pk": {"S": "-" * 26}, "sk": {"S": "H#P"}, "seq": {"S": "0" * 40}, "state": {"S": "x" * 600}}
    road.table.fill((f"other-{number:020d}" for number in range(others)), "H#P", item)
    events = reference_stream(MIX)
    road.walk([segment_call(event) for event in events])
    a_day_later = [event | {"event_id": f"again-{event['event_id']}", "ts": event["ts"] + DAY_MS} for event in events]
    return road.walk([segment_call(event) for event in a_day_later])


def cost_after(history: int) -> Cost:
    """Of one event of a customer who has said so much before, event by event."""
    road = _answered_road()
    calls = [_visit(number) for number in range(1, history + AFTERWARDS + 1)]
    road.walk([_visit(0)])
    if history:
        road.walk(calls[:history])
    return road.walk(calls[history:], batch=1)


def _visit(number: int) -> Call:
    page = {"url": f"/p/{number % 5000}"}
    call: Call = {"type": "page", "messageId": f"visit-{number:08d}", "name": "Page", "properties": page}
    return call | {"timestamp": _at(number), "userId": "regular", "anonymousId": "c-regular"}


def cost_of_crowd(kind: str) -> Crowd:
    """Of 10,000 people who log in one after another: at devices of their own, or at one."""
    from omnicascade.domain.identifiers import Identifier
    from omnicascade.domain.identity_rules import DEFAULT_RULES
    from omnicascade.usecases.find_customer import find_customer

    road = _answered_road()
    own = kind == "devices of their own"
    calls = [_login(number, f"c-{number}" if own else "kiosk") for number in range(CROWD)]
    cost = road.walk(calls, shared_device=kind == "shared device")
    store = _customers()
    joined = 0
    for number in range(0, CROWD, CROWD // STRANGERS_ASKED):
        customer = find_customer(Identifier("email", _mail(number)).node_id, store, DEFAULT_RULES)
        assert customer, number
        joined += sum(known.identifier.type == "email" for known in customer.profile.identifiers) > 1
    return Crowd(cost, joined)


def _customers() -> Any:
    from omnicascade.adapters.customer_store import DynamoCustomerStore
    from omnicascade.adapters.dynamo import Table
    from omnicascade.wiring.clients import client

    return DynamoCustomerStore(Table(client("dynamodb"), TABLE))


def _login(number: int, device: str) -> Call:
    call: Call = {"type": "track", "event": "Signed In", "messageId": f"login-{number:08d}", "properties": {}}
    return call | {
        "timestamp": _at(number),
        "anonymousId": device,
        "context": {"traits": {"email": _mail(number)}},
    }


def _mail(number: int) -> str:
    return f"guest{number:07d}@example.com"


def _at(number: int) -> str:
    return (RECEIVED - timedelta(days=1) + timedelta(seconds=number)).isoformat(timespec="milliseconds")
