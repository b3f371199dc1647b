"""CPU of one event on its road, in units of a bare `boto3.client("dynamodb").update_item`.

Measured in one process, pass after pass over the same events in turn: bare calls, the recorder, the intake's handler,
the stream's reader; the recorder and the reader with one event at a time, and with a hundred. AWS is answered inside
the process (see canned_aws), the same answer for the floor and for us.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.calls import NOON, calls, request
from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import Progress, apart, become_a_function, cpu_per_item

EVENTS: Final = 2_000
BATCH: Final = 100
"""Events of one invocation of the recorder (ten messages) and of the stream's reader, where they come in batches."""
CALLS_A_MESSAGE: Final = 10
OTHERS: Final = 5_000
"""Added to a seed: calls of other customers, for the stream's reader to read one by one."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Microseconds of CPU per event, of one pass over the events."""

    floor: float
    record: float
    record_batch: float
    intake: float
    fold: float
    fold_batch: float
    react_batch: float


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
            "record_event", [one.record for one in passes], "SQS body → resolved node → conditional put", 1.25
        ),
        against_floor("intake_call", [one.intake for one in passes], "ingest_events.handler, one event a request"),
        against_floor(
            "fold_event", [one.fold for one in passes], "Projector, one event a batch, edges included, no journeys"
        ),
        against_floor(
            "record_in_batch", [one.record_batch for one in passes], f"Recorder, {BATCH} events in ten messages"
        ),
        against_floor(
            "fold_in_batch", [one.fold_batch for one in passes], f"Projector, batches of {BATCH}, no journeys"
        ),
        against_floor(
            "fold_and_react_in_batch",
            [one.react_batch for one in passes],
            "the same with the shipped journeys: an eighth of the events are orders, a fourteenth begin a run",
        ),
        against_floor(
            "road_in_batch",
            [one.record_batch + one.fold_batch for one in passes],
            f"recorder and projector together, batches of {BATCH}",
            0.25,
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
        self._table, self._quiet = configured_table(), configured_table(journeys=False)
        self._bare = boto3.client("dynamodb")
        self._bare.meta.events.register_first("before-send", canned)
        self._services = [client(name).meta.events for name in ("dynamodb", "sqs", "stepfunctions")]
        self._intake = intake.handler
        # One of its own for each figure: they remember what they did, and are given the same events.
        self._record, self._record_batch = Recorder(settings), Recorder(settings)
        self._react, self._project = Projector(settings), Projector(settings)

    def walk(self, seed: int) -> Pass:
        """One pass of each piece over the same events; nobody was ever seen before."""
        events = calls(EVENTS, seed)
        bodies = [_queue_body([call]) for call in events]
        messages = [_queue_body(some) for some in _parts(events, CALLS_A_MESSAGE)]
        bare = [_bare_update(call, body) for call, body in zip(events, bodies, strict=True)]
        requests = [request(call) for call in events]
        floor = cpu_per_item(lambda wanted: self._bare.update_item(**wanted), bare)
        self._answer_with(self._table.answer)
        return Pass(
            floor=floor,
            record=self._work(self._record, _parts(bodies, 1)),
            record_batch=self._work(self._record_batch, _parts(messages, BATCH // CALLS_A_MESSAGE)),
            intake=self._work(lambda one: self._intake(one, None), requests),
            react_batch=self._work(self._react, _parts(_stream_records(events), BATCH)),
            **self._folded_in_quiet(events, calls(EVENTS, seed + OTHERS)),
        )

    def _folded_in_quiet(self, events: Sequence[Any], others: Sequence[Any]) -> dict[str, float]:
        """The stream's reader where no journey listens: what identity and profiles take by themselves."""
        self._answer_with(self._quiet.answer)
        return {
            "fold_batch": self._work(self._project, _parts(_stream_records(events), BATCH)),
            "fold": self._work(self._project, _parts(_stream_records(others), 1)),
        }

    def _work(self, work: Callable[[Any], object], given: Sequence[Any]) -> float:
        return self._without_stub(lambda: cpu_per_item(work, given, per=EVENTS))

    def _answer_with(self, answer: Any) -> None:
        for events in self._services:
            events.unregister("before-send", self._canned)
            events.unregister("before-send", self._table.answer)
            events.unregister("before-send", self._quiet.answer)
            events.register_first("before-send", answer)

    def _without_stub(self, work: Any) -> float:
        before = self._table.cpu_s + self._quiet.cpu_s
        total: float = work()
        return total - (self._table.cpu_s + self._quiet.cpu_s - before) / EVENTS * 1e6


def _parts[T](whole: Sequence[T], size: int) -> list[Sequence[T]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _queue_body(some: Sequence[dict[str, Any]]) -> str:
    from omnicascade.adapters.events_queue import encode
    from omnicascade.usecases.ports import Envelope

    return next(iter(encode(Envelope("web", NOON, some, "PL"))))


def _bare_update(call: dict[str, Any], body: str) -> dict[str, Any]:
    """The least request that stores the same text under the event's own key; made before the clock starts."""
    return {
        "TableName": "bench",
        "Key": {"pk": {"S": call["anonymousId"]}, "sk": {"S": call["messageId"]}},
        "UpdateExpression": "SET body = :body",
        "ExpressionAttributeValues": {":body": {"S": body}},
    }


def _stream_records(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The inserts of these events as the table's stream delivers them."""
    from omnicascade.adapters.event_store import event_item
    from omnicascade.usecases.ports import Envelope
    from omnicascade.usecases.record_events import events_of

    records: list[dict[str, Any]] = []
    for position, event in enumerate(events_of(Envelope("web", NOON, events, "PL"))):
        image = json.loads(json.dumps(event_item(event)))
        sequence = str(time.time_ns() + position)
        records.append({"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": sequence}})
    return records
