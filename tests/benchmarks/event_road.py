"""CPU of one event on its road, in units of a bare `boto3.client("dynamodb").update_item`.

Measured in one process, pass after pass over the same events in turn: bare calls, the recorder, the intake's handler,
the stream's reader. AWS is answered inside the process (see canned_aws), the same answer for the floor and for us.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.calls import NOON, calls, request
from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import Progress, apart, become_a_function, cpu_per_item

EVENTS: Final = 2_000
STREAM_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Pass:
    """Microseconds of CPU per event, of one pass over the events."""

    floor: float
    record: float
    intake: float
    fold: float


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The road's figures."""
    progress(f"event_road: {runs} pairs of {EVENTS} events")
    passes = apart(_passes, runs)
    floors = [one.floor for one in passes]

    def against_floor(name: str, ours: Sequence[float], note: str, goal: float | None = None) -> Figure:
        return ratio(f"event_road.{name}", ours, floors, goal=goal, note=note)

    return [
        median("event_road.floor", floors, "us/event", note="bare boto3 update_item, default config, in-process stub"),
        against_floor(
            "record_event", [one.record for one in passes], "SQS body → resolved node → conditional put", 1.5
        ),
        against_floor("intake_call", [one.intake for one in passes], "ingest_events.handler, one event a request"),
        against_floor(
            "fold_event",
            [one.fold for one in passes],
            f"Projector, batches of {STREAM_BATCH}, edges and journeys included",
        ),
    ]


def _passes(runs: int) -> list[Pass]:
    become_a_function()
    road = _Road()
    road.walk(seed=0)  # fills caches, loads what is loaded at first use
    return [road.walk(seed=number + 1) for number in range(runs)]


class _Road:
    """The pieces of the road, wired as on AWS, and the bare client beside them."""

    def __init__(self) -> None:
        """Import the layer only here, in a process that has a function's environment."""
        import boto3

        from functions.ingest_events import handler as intake
        from omnicascade.settings import Settings
        from omnicascade.wiring import clock
        from omnicascade.wiring.clients import client
        from omnicascade.wiring.projector import Projector
        from omnicascade.wiring.recorder import Recorder
        from tests.benchmarks.canned_aws import canned
        from tests.benchmarks.configured_table import configured_table
        from tests.benchmarks.processes import FUNCTION_ENVIRONMENT

        clock.use(lambda: NOON)
        settings = Settings.from_environment(FUNCTION_ENVIRONMENT)
        self._canned = canned
        self._table = configured_table()
        self._bare = boto3.client("dynamodb")
        self._bare.meta.events.register_first("before-send", canned)
        self._services = [client(name).meta.events for name in ("dynamodb", "sqs", "stepfunctions")]
        self._intake = intake.handler
        self._record = Recorder(settings)
        self._project = Projector(settings)

    def walk(self, seed: int) -> Pass:
        """One pass of each piece over the same events; nobody was ever seen before."""
        events = calls(EVENTS, seed)
        bodies = [_queue_body(call) for call in events]
        bare = [_bare_update(call, body) for call, body in zip(events, bodies, strict=True)]
        requests = [request(call) for call in events]
        batches = _stream_batches(bodies)
        floor = cpu_per_item(lambda wanted: self._bare.update_item(**wanted), bare)
        self._answer_with(self._canned)
        record = cpu_per_item(lambda body: self._record([body]), bodies)
        self._answer_with(self._table.answer)
        intake = self._without_stub(lambda: cpu_per_item(lambda one: self._intake(one, None), requests))
        fold = self._without_stub(lambda: cpu_per_item(self._project, batches, per=EVENTS))
        return Pass(floor, record, intake, fold)

    def _answer_with(self, answer: Any) -> None:
        for events in self._services:
            events.unregister("before-send", self._canned)
            events.unregister("before-send", self._table.answer)
            events.register_first("before-send", answer)

    def _without_stub(self, work: Any) -> float:
        before = self._table.cpu_s
        total: float = work()
        return total - (self._table.cpu_s - before) / EVENTS * 1e6


def _queue_body(call: dict[str, Any]) -> str:
    from omnicascade.adapters.events_queue import encode
    from omnicascade.usecases.ports import Envelope

    return next(iter(encode(Envelope("web", NOON, [call], "PL"))))


def _bare_update(call: dict[str, Any], body: str) -> dict[str, Any]:
    """The least request that stores the same text under the event's own key; made before the clock starts."""
    return {
        "TableName": "bench",
        "Key": {"pk": {"S": call["anonymousId"]}, "sk": {"S": call["messageId"]}},
        "UpdateExpression": "SET body = :body",
        "ExpressionAttributeValues": {":body": {"S": body}},
    }


def _stream_batches(bodies: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The inserts of these events as the table's stream delivers them."""
    from omnicascade.adapters.event_store import event_item
    from omnicascade.adapters.events_queue import decode
    from omnicascade.usecases.record_events import event_of

    records: list[dict[str, Any]] = []
    for position, body in enumerate(bodies):
        envelope = decode(body)
        image = json.loads(json.dumps(event_item(event_of(envelope.calls[0], envelope))))
        sequence = str(time.time_ns() + position)
        records.append({"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": sequence}})
    return [records[start : start + STREAM_BATCH] for start in range(0, len(records), STREAM_BATCH)]
