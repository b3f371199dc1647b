"""Deliveries from queues and streams to functions, and what becomes of failures."""

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.faults import SeededDeliveries
from infra.local.stack import Stack
from infra.local.template import TemplateError

if TYPE_CHECKING:
    from tests.local.conftest import Probe


def _put(stack: Stack, *bodies: str) -> None:
    for body in bodies:
        stack.clients.sqs.send_message(QueueUrl=stack.outputs["Queue"], MessageBody=body)


def _write(stack: Stack, *keys: tuple[str, str], **attributes: str) -> None:
    table = next(iter(stack.inventory.table_of_stream.values()))
    for pk, sk in keys:
        item = {"pk": {"S": pk}, "sk": {"S": sk}, **{name: {"S": text} for name, text in attributes.items()}}
        stack.clients.dynamodb.put_item(TableName=table, Item=item)


def _waiting_in(stack: Stack, name: str) -> list[str]:
    url = next(url for arn, url in stack.inventory.queue_urls.items() if arn.endswith(f"-{name}"))
    answer = stack.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message.get("Body", "") for message in answer.get("Messages", [])]


def _bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def _keys(event: Any) -> list[str]:
    return [record["dynamodb"]["Keys"]["sk"]["S"] for record in event["Records"]]


def test_a_batch_is_packed_to_the_mappings_size(small: Callable[..., Stack], probe: "Probe") -> None:
    """Thirty messages reach a mapping of 25 as 25 and 5, though SQS gives ten at a time."""
    stack = small()
    _put(stack, *[f"m{number:02d}" for number in range(30)])
    stack.settle()
    assert [len(event["Records"]) for event in probe.seen["worker"]] == [25, 5]
    record = probe.seen["worker"][0]["Records"][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith("-Queue")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"] == str(int(stack.now().timestamp() * 1000))


def test_a_failed_message_alone_comes_again_after_the_visibility_timeout(
    small: Callable[..., Stack], probe: "Probe"
) -> None:
    """The good ones are deleted, the bad one returns after 60 virtual seconds, not before."""
    stack = small()

    def work(event: Any, _context: Any) -> Any:
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in bad]}

    probe.on["worker"] = work
    _put(stack, "good", "bad", "also good")
    stack.settle()
    stack.advance("59s")
    assert [_bodies(event) for event in probe.seen["worker"]] == [["good", "bad", "also good"]]
    stack.advance("2s")
    assert _bodies(probe.seen["worker"][1]) == ["bad"]
    assert probe.seen["worker"][1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


def test_after_max_receives_a_message_goes_to_the_dead_letters(small: Callable[..., Stack], probe: "Probe") -> None:
    """Three failed deliveries, then the dead-letter queue."""
    stack = small()

    def work(_event: Any, _context: Any) -> Any:
        raise RuntimeError("always")

    probe.on["worker"] = work
    _put(stack, "poison")
    stack.settle()
    stack.advance("10m")
    assert len(probe.seen["worker"]) == 3
    assert _waiting_in(stack, "DeadLetters") == ["poison"]


def test_a_delayed_message_arrives_when_virtual_time_has_come(small: Callable[..., Stack], probe: "Probe") -> None:
    """DelaySeconds counts on the virtual clock: delivered at its moment, however far the clock is moved."""
    stack = small()
    moments: list[str] = []
    probe.on["worker"] = lambda _event, _context: moments.append(f"{stack.now():%H:%M:%S}")
    stack.clients.sqs.send_message(QueueUrl=stack.outputs["Queue"], MessageBody="later", DelaySeconds=30)
    stack.settle()
    stack.advance("29s")
    assert moments == []
    stack.advance("1h")
    assert moments == ["12:00:30"]


def test_a_running_stack_delivers_without_being_asked(small: Callable[..., Stack], probe: "Probe") -> None:
    """With a clock that runs, what a request queued reaches its function though nobody settles."""
    delivered = threading.Event()
    stack = small(speed=1)
    stack.serve()
    probe.on["intake"] = lambda _event, _context: _put(stack, "queued")
    probe.on["worker"] = lambda _event, _context: delivered.set()
    stack.request("POST", "/v1/track")
    assert delivered.wait(10)


def test_an_answer_out_of_form_fails_the_whole_batch(small: Callable[..., Stack], probe: "Probe") -> None:
    """An identifier that was not in the batch makes Lambda treat every message as failed."""
    stack = small()
    answers: Any = iter([{"batchItemFailures": [{"itemIdentifier": "unknown"}]}])
    probe.on["worker"] = lambda _event, _context: next(answers, None)
    _put(stack, "a", "b")
    stack.settle()
    stack.advance("2m")
    assert [sorted(_bodies(event)) for event in probe.seen["worker"]] == [["a", "b"], ["a", "b"]]


def test_the_stream_gives_what_the_filter_wants_in_order_and_in_batches(
    small: Callable[..., Stack], probe: "Probe"
) -> None:
    """Only inserts of event items arrive, oldest first, eight at a time, as Lambda shows them."""
    stack = small()
    _write(stack, *[("p", f"E#{number}") for number in range(10)], ("p", "PROFILE"), at="2026")
    _write(stack, ("p", "E#0"), at="2027")  # a MODIFY
    stack.settle()
    assert [_keys(event) for event in probe.seen["reader"]] == [[f"E#{n}" for n in range(8)], ["E#8", "E#9"]]
    record = probe.seen["reader"][0]["Records"][0]
    assert record["eventSourceARN"] == next(iter(stack.inventory.table_of_stream))
    assert record["dynamodb"]["NewImage"] == {"pk": {"S": "p"}, "sk": {"S": "E#0"}, "at": {"S": "2026"}}
    assert record["dynamodb"]["ApproximateCreationDateTime"] == stack.now().timestamp()


def test_a_poison_record_is_found_by_halving_and_given_up_alone(small: Callable[..., Stack], probe: "Probe") -> None:
    """The batch is halved until the bad record is alone, retried twice and noted; the rest goes on."""
    stack = small()
    taken: list[str] = []

    def read(event: Any, _context: Any) -> Any:
        if "E#2" in _keys(event):
            raise RuntimeError("poison")
        taken.extend(_keys(event))

    probe.on["reader"] = read
    _write(stack, *[("p", f"E#{number}") for number in range(5)])
    stack.settle()
    assert taken == ["E#0", "E#1", "E#3", "E#4"]
    assert [_keys(event) for event in probe.seen["reader"]].count(["E#2"]) == 3
    note = json.loads(_waiting_in(stack, "Failures")[0])
    assert note["DDBStreamBatchInfo"]["batchSize"] == 1
    assert note["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_a_reported_checkpoint_is_where_the_stream_goes_on(small: Callable[..., Stack], probe: "Probe") -> None:
    """What came before the reported failure is done; it and what follows are delivered again."""
    stack = small()
    failing = iter([True])

    def read(event: Any, _context: Any) -> Any:
        third = [r["dynamodb"]["SequenceNumber"] for r in event["Records"] if _keys({"Records": [r]}) == ["E#2"]]
        if third and next(failing, False):
            return {"batchItemFailures": [{"itemIdentifier": third[0]}]}
        return {"batchItemFailures": []}

    probe.on["reader"] = read
    _write(stack, *[("p", f"E#{number}") for number in range(4)])
    stack.settle()
    assert [_keys(event) for event in probe.seen["reader"]] == [["E#0", "E#1", "E#2", "E#3"], ["E#2", "E#3"]]


def test_seeded_trouble_duplicates_and_mixes_but_keeps_each_partitions_order(
    small: Callable[..., Stack], probe: "Probe"
) -> None:
    """With trouble on, batches come twice and partitions interleave anew; the same seed does the same again."""

    def orders(seed: int) -> list[list[tuple[str, str]]]:
        probe.seen.clear()
        stack = small(faults=SeededDeliveries(seed, duplicate=1.0))
        _write(stack, *[(f"p{number % 2}", f"E#{number}") for number in range(8)])
        stack.settle()
        stack.stop()
        return [
            [(r["dynamodb"]["Keys"]["pk"]["S"], r["dynamodb"]["Keys"]["sk"]["S"]) for r in event["Records"]]
            for event in probe.seen["reader"]
        ]

    first = orders(3)
    assert first == orders(3)
    assert first[0] == first[1]
    assert first[0] != sorted(first[0], key=lambda key: key[1])
    for partition in ("p0", "p1"):
        lane = [sk for pk, sk in first[0] if pk == partition]
        assert lane == sorted(lane)


def test_the_same_run_is_the_same_to_the_last_id(small: Callable[..., Stack], probe: "Probe") -> None:
    """What functions were given in two runs does not differ in a single byte, ids of messages and records included."""

    def run() -> str:
        probe.seen.clear()
        stack = small()
        _put(stack, "a", "b")
        _write(stack, ("p", "E#1"))
        stack.step_functions.start_execution(stack.outputs["Machine"], {"waits": [5]})
        stack.advance("1m")
        stack.stop()
        return json.dumps(probe.seen, sort_keys=True)

    assert run() == run()


def test_a_mapping_of_something_unknown_is_refused(small: Callable[..., Stack], document: Any) -> None:
    """A source that this template does not make is an error naming it, not silence."""
    document["Resources"]["Messages"]["Properties"]["EventSourceArn"] = "arn:aws:kinesis:us-east-1:1:stream/x"
    with pytest.raises(TemplateError, match="kinesis"):
        small()
