"""What an audience costs: a campaign of three messages that nobody answers, counted on the embedded stack and priced.

Counts grow with customers, batches and rounds, and nothing else, so a few customers and one batch tell what a million
need. In the orchestration's bill is everything that exists because a journey waits and goes on: state transitions,
child executions, Lambda, S3, and the run's start, rest and end in the table. Lambda is counted with 512 MB, as for the
designs beside it; with a gigabyte, which the function has, it is twice as much.

Apart from it stand the writes by which any design keeps its word: the claim and the outcome of each message, what is
needed to recognise its feedback, and its tracked link; and the reads, nearly all of them of the customer, who is looked
at before every send. The other designs are counted sparingly, as they are usually sold: with 1 to 10 write units and
hardly a read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from infra.audience_definition import CUSTOMERS_PER_BATCH
from infra.local.stack import Stack
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.domain import aws_prices
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.segments import Segment
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import BenchmarkFaultError
from tests.benchmarks.stack_meter import Metered, StackMeter

GOAL_USD: Final = 10.0
"""Per million customers; see the module for what is in it."""
MESSAGES: Final = 3
CUSTOMERS: Final = 20
"""Counts of the code that runs on every one of them: a hundred give the same figures a customer."""
MILLION: Final = 1_000_000
FUNCTION: Final = "run_audience"

S3_PUT_USD: Final = Decimal("0.000005")
S3_GET_USD: Final = Decimal("0.0000004")
"""Source: Amazon S3 pricing, us-east-1, S3 Standard."""
LAMBDA_LEAST_S: Final = 0.1
"""Of one call; the comparison of designs assumes as much for every call that sends."""
LAMBDA_GB: Final = 0.5
CHILD_GB: Final = 0.0625
ROUND_TRIP_S: Final = 0.005
"""Of one AWS call within a Region: an assumption, named in the figure's note; DynamoDB promises milliseconds."""

_NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_CHANNELS: Final[list[dict[str, Any]]] = [
    {"push": {"template": "cart-reminder", "wait": "4h"}},
    {"email": {"template": "cart-reminder", "wait": "20h"}},
    {"sms": {"template": "cart-reminder"}},
]
_VIP: Final[dict[str, Any]] = {"trait": "vip", "is": True}
_MESSAGE_PUTS: Final = 2
"""Writes of the run that a message needs: claim and outcome."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one audience asked for.

    Attributes:
        transitions, children, rounds: of its execution.
        calls: of run_audience, by `service:operation`.
        written: write units of run_audience, by kind of item.
        read: its read units.
    """

    customers: int
    transitions: int
    children: int
    rounds: int
    calls: Mapping[str, int]
    written: Mapping[str, int]
    read: float

    @property
    def per_customer_s(self) -> float:
        """How long AWS is asked for one customer, all rounds together; what a batch does once is in it, too."""
        return sum(self.calls.values()) / self.customers * ROUND_TRIP_S


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars for so many customers, by what they are paid for."""

    customers: int
    parts: Mapping[str, float]
    kept: float
    reads: float

    @property
    def orchestration(self) -> float:
        """Of all parts, for a million customers."""
        return sum(self.parts.values()) / self.customers * MILLION

    def words(self) -> str:
        """The parts, for a million customers, dearest first."""
        ranked = sorted(self.parts.items(), key=lambda part: -part[1])
        return ", ".join(f"{name} {cost / self.customers * MILLION:.2f}" for name, cost in ranked)


def count(template: Path, customers: int = CUSTOMERS) -> Counted:
    """Run the campaign on a stack of its own; call it in a process apart.

    Raises:
        BenchmarkFaultError: it did not do what it is measured for.
    """
    meter = StackMeter()
    with Stack.start(template, start=_NOON, faults=meter) as stack:
        _prepare(stack, customers)
        meter.metered = Metered()
        _ask(stack, "POST", "/v1/journeys/campaign/runs", Stack.staff(), {"segment": "vip"})
        stack.advance("26h")
        execution = next(one for one in stack.executions if one.children)
        sent = execution.output and execution.output.get("messages")
        if sent != {"push": customers, "email": customers, "sms": customers}:
            raise BenchmarkFaultError(f"the audience came to {execution.status} {execution.output}")
        calls, written = meter.metered.of(FUNCTION)
        rounds = execution.output["rounds"]
        return Counted(
            customers,
            execution.transitions,
            len(execution.children),
            rounds,
            calls,
            written,
            meter.metered.read[FUNCTION],
        )


def _prepare(stack: Stack, customers: int) -> None:
    database = stack.clients.dynamodb
    store = DynamoSegmentStore(Table(database, database.list_tables()["TableNames"][0]))
    condition, _ = read_condition(_VIP)
    assert condition is not None
    store.put_segment(Segment("vip", condition), {"name": "vip", "when": _VIP})
    store.ready("vip", 1)
    journey = {"name": "campaign", "steps": [{"cascade": {"channels": _CHANNELS}}]}
    _ask(stack, "PUT", "/v1/journeys/campaign", Stack.staff(), journey)
    people = [_identify(number) for number in range(customers)]
    for start in range(0, customers, CUSTOMERS_PER_BATCH):
        batch = {"batch": people[start : start + CUSTOMERS_PER_BATCH]}
        _ask(stack, "POST", "/v1/batch", Stack.write_key("local-web"), batch)
    stack.settle()


def _identify(number: int) -> dict[str, Any]:
    """A customer with e-mail, phone and app: five identifiers that are read again before every send."""
    return {
        "type": "identify",
        "messageId": f"identify-{number}",
        "userId": f"user-{number}",
        "traits": {"email": f"user-{number}@example.com", "phone": f"+4860{number:07d}", "vip": True},
        "context": {"device": {"type": "ios", "id": f"device-{number}", "token": f"token-{number}"}},
    }


def _ask(stack: Stack, method: str, path: str, header: tuple[str, str], body: dict[str, Any]) -> None:
    answer = stack.request(method, path, headers=[header], body=body)
    if answer.status >= 300:
        raise BenchmarkFaultError(f"{method} {path} answered {answer.status}: {answer.body[:300]!r}")


def bill(counted: Counted, customers: int) -> Bill:
    """What so many customers cost."""
    batches = -(-customers // CUSTOMERS_PER_BATCH) * counted.rounds
    common = counted.transitions - counted.children
    visit_s = max(LAMBDA_LEAST_S, counted.per_customer_s / counted.rounds * CUSTOMERS_PER_BATCH)
    written = {kind: units / counted.customers for kind, units in counted.written.items()}
    kept = _kept(written)
    steering = sum(written.values()) - kept
    puts, gets = _s3(counted, batches)
    parts = {
        "transitions": (common + batches) * float(aws_prices.TRANSITION_USD),
        "children": batches
        * (float(aws_prices.EXPRESS_REQUEST_USD) + CHILD_GB * visit_s * float(aws_prices.EXPRESS_GB_S_USD)),
        "Lambda": batches
        * (float(aws_prices.LAMBDA_REQUEST_USD) + LAMBDA_GB * visit_s * float(aws_prices.LAMBDA_GB_S_USD)),
        "S3": puts * float(S3_PUT_USD) + gets * float(S3_GET_USD),
        "table writes": steering * customers * float(aws_prices.WRITE_UNIT_USD),
    }
    reads = counted.read / counted.customers * customers * float(aws_prices.READ_UNIT_USD)
    return Bill(customers, parts, kept * customers * float(aws_prices.WRITE_UNIT_USD), reads)


def _kept(written: Mapping[str, float]) -> float:
    """Write units of a customer that any design needs: claims and outcomes, and what feedback and links need."""
    return MESSAGES * _MESSAGE_PUTS + written.get("message", 0) + written.get("link", 0)


def _s3(counted: Counted, batches: int) -> tuple[int, int]:
    """Requests: ours and Step Functions' own (list read, results and manifest written), which grow with rounds only,
    but for the results, which it writes in files of some thousands of batches."""
    ours_put, ours_get = counted.calls.get("s3:PutObject", 0), counted.calls.get("s3:GetObject", 0)
    return ours_put + 3 * counted.rounds + batches // 1000, ours_get + counted.rounds + batches // 1000


def alternatives() -> dict[str, float]:
    """Dollars per million by other designs: the orchestration alone, writes of claims and outcomes left out as ours."""
    call = float(aws_prices.LAMBDA_REQUEST_USD) + LAMBDA_GB * LAMBDA_LEAST_S * float(aws_prices.LAMBDA_GB_S_USD)
    sends = MESSAGES * call
    unit, read, transition = (
        float(price) for price in (aws_prices.WRITE_UNIT_USD, aws_prices.READ_UNIT_USD, aws_prices.TRANSITION_USD)
    )
    queue, schedule, operation = 0.4e-6, 1e-6, 8e-6
    children = MESSAGES / CUSTOMERS_PER_BATCH
    each = {
        "A an execution a customer (8 states)": 8 * transition + sends + 6 * unit + queue,
        "A' an execution a customer (ours: 4 states)": 4 * transition + sends + 6 * unit + queue,
        "B EventBridge Scheduler": MESSAGES * schedule + sends + 7 * unit + 4 * read + 9 * queue,
        "C buckets swept each minute": 10 * unit + 3 * read + 0.9 * queue + 0.4 * sends,
        "D durable functions (6 operations)": 6 * operation + 1.3 * sends + 0.5e-6,
        "E one execution a cohort": children * (transition + call) + 4 * unit + 1.5 * read,
    }
    return {name: dollars * MILLION for name, dollars in each.items()}


def figures(counted: Counted) -> list[Figure]:
    """The bill for 100,000 and a million customers, what claims cost beside it, and other designs."""
    table = alternatives()
    listed: list[Figure] = []
    for customers in (100_000, MILLION):
        made = bill(counted, customers)
        listed.append(
            Figure(
                name=f"orchestration.audience_usd_{customers // 1000}k",
                value=made.orchestration,
                unit="USD/million",
                floor=table["E one execution a cohort"],
                goal=GOAL_USD,
                note=made.words(),
            )
        )
    made = bill(counted, MILLION)
    listed += [
        Figure(
            name="orchestration.audience_ledger_usd",
            value=made.kept,
            unit="USD/million",
            note="beside it, in any design: claims, outcomes, messages noted for feedback, links",
        ),
        Figure(
            name="orchestration.audience_reads_usd",
            value=made.reads,
            unit="USD/million",
            note="beside it: the customer is looked at to enter, before each send, at the last look, and to rest",
        ),
        Figure(
            name="orchestration.audience_transitions",
            value=counted.transitions,
            unit="transitions",
            note=f"{counted.customers} customers, {counted.rounds} rounds, {counted.children} children",
        ),
        Figure(
            name="orchestration.audience_writes",
            value=sum(counted.written.values()) / counted.customers,
            unit="units/customer",
            note=_each(counted.written, counted.customers),
        ),
        Figure(
            name="orchestration.audience_reads",
            value=counted.read / counted.customers,
            unit="units/customer",
            note="a customer with five identifiers",
        ),
        Figure(
            name="orchestration.audience_calls",
            value=sum(counted.calls.values()) / counted.customers,
            unit="calls/customer",
            note=_each(counted.calls, counted.customers),
        ),
    ]
    listed += [
        Figure(
            name=f"orchestration.design_{name[0]}{'_ours' * ('ours' in name)}",
            value=cost,
            unit="USD/million",
            note=name,
        )
        for name, cost in table.items()
    ]
    return listed


def _each(counts: Mapping[str, int], customers: int) -> str:
    ranked = sorted(counts.items(), key=lambda one: -one[1])
    return ", ".join(f"{number / customers:.3g} {name}" for name, number in ranked if number >= customers / 2)
