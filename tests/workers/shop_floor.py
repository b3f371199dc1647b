"""Recorders and projectors at work on one table of DynamoDB Local, all at once, and what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import event_from
from omnicascade.adapters.events_queue import encode
from omnicascade.contracts import EVENT_KEY_PREFIX, Env
from omnicascade.domain.event import Event
from omnicascade.usecases.ports import Envelope
from tests.dynamodb_local import LocalDynamoDB
from tests.identity_streams import T0, Posted
from tests.workers.table_stream import Lanes, Stream, read_lane
from tests.workers.worker_process import PROJECT, RECORD, Worker

RECEIVED: Final = T0 + timedelta(days=40)
READERS_OF_A_LANE: Final = 2
_MOST_READS: Final = 2_000
"""Of the stream after the last event was stored; it lags by a few."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """Who works.

    Attributes:
        recorders: processes that store events.
        projectors: processes that fold them; two for each lane.
        kills: how often each projector is killed at most.
    """

    recorders: int
    projectors: int
    kills: int

    @property
    def lanes(self) -> int:
        """How many parts the stream is read in."""
        return self.projectors // READERS_OF_A_LANE


def work(database: LocalDynamoDB, table: str, posted: Sequence[Posted], shifts: Shifts, seed: int) -> None:
    """Let everybody work until all events are stored and folded.

    Raises:
        AssertionError: something never went through.
    """
    random = Random(seed)
    stream = Stream(database.client("dynamodbstreams"), database.create_table(table))
    environment = {**database.environment, Env.TABLE: table}
    rotas = _rotas(messages(posted, random), shifts.recorders, random)
    lanes = Lanes(shifts.lanes)
    with ExitStack() as stack, ThreadPoolExecutor(shifts.recorders + shifts.projectors) as pool:
        recorders = [stack.enter_context(Worker(RECORD, environment)) for _ in range(shifts.recorders)]
        projectors = [stack.enter_context(Worker(PROJECT, environment)) for _ in range(shifts.projectors)]
        folding = [
            pool.submit(
                read_lane, worker, lanes, number % shifts.lanes, Random(f"{seed}/projector/{number}"), shifts.kills
            )
            for number, worker in enumerate(projectors)
        ]
        recording = [
            pool.submit(_record, worker, rota, Random(f"{seed}/recorder/{number}"))
            for number, (worker, rota) in enumerate(zip(recorders, rotas, strict=True))
        ]
        try:
            _read_on(stream, lanes, lambda: all(one.done() for one in recording), lambda: _count(database, table))
        finally:
            lanes.close()
        for one in (*recording, *folding):
            one.result()


def messages(posted: Iterable[Posted], random: Random) -> list[str]:
    """Queue messages of one to ten calls of one source."""
    by_source: dict[str, list[Posted]] = {}
    for one in posted:
        by_source.setdefault(one.source.name, []).append(one)
    bodies: list[str] = []
    for own in by_source.values():
        left = own
        while left:
            size = random.randint(1, 10)
            source = left[0].source
            calls = [one.call for one in left[:size]]
            bodies += encode(Envelope(source.name, RECEIVED, calls, source.default_region, source.shared_device))
            left = left[size:]
    return bodies


def stored_events(database: LocalDynamoDB, table: str) -> list[Event]:
    """Every event in the table."""
    return [event_from(item) for item in _items(database, table) if item["sk"]["S"].startswith(EVENT_KEY_PREFIX)]


def customers(database: LocalDynamoDB, table: str) -> DynamoCustomerStore:
    """The product's own reader of the table."""
    return DynamoCustomerStore(Table(database.client(), table))


def _rotas(bodies: Sequence[str], recorders: int, random: Random) -> list[list[str]]:
    """What each recorder gets: every message goes to one of them, and half of them to a second one or a third."""
    rotas: list[list[str]] = [[] for _ in range(recorders)]
    for position, body in enumerate(bodies):
        rotas[position % recorders].append(body)
        while random.random() < 0.4:
            random.choice(rotas).append(body)
    for rota in rotas:
        random.shuffle(rota)
    return rotas


def _record(worker: Worker, bodies: Sequence[str], random: Random) -> None:
    left = list(bodies)
    for _ in range(20 * len(bodies) + 20):
        if not left:
            return
        size = random.randint(1, 10)
        batch, left = left[:size], left[size:]
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(batch)]
        failed = worker({"Records": records})["batchItemFailures"]
        left += [batch[int(one["itemIdentifier"])] for one in failed]
    raise AssertionError(f"{len(left)} messages were never recorded")


def _read_on(stream: Stream, lanes: Lanes, recorded: Callable[[], bool], stored: Callable[[], int]) -> None:
    """Read the stream into the lanes until it has brought every event that is stored."""
    brought = 0
    while not recorded():
        records = stream.read()
        brought += len(records)
        lanes.add(records)
    wanted = stored()
    for _ in range(_MOST_READS):
        if brought >= wanted:
            return
        records = stream.read()
        brought += len(records)
        lanes.add(records)
    raise AssertionError(f"the stream brought {brought} of {wanted} events")


def _count(database: LocalDynamoDB, table: str) -> int:
    return sum(item["sk"]["S"].startswith(EVENT_KEY_PREFIX) for item in _items(database, table))


def _items(database: LocalDynamoDB, table: str) -> list[dict[str, Any]]:
    client = database.client()
    items: list[dict[str, Any]] = []
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        answer = client.scan(**request)
        items += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return items
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def told(said: Event | Posted) -> str:
    """What was said and where, for comparing what was sent with what is stored."""
    source, call = (said.source, said.body) if isinstance(said, Event) else (said.source.name, said.call)
    return json.dumps([source, call], sort_keys=True)
