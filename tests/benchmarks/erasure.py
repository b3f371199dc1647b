"""What forgetting one customer costs: archived objects of the customer's hours read and written anew.

A shop's week is archived as the stream delivers it, a batch a minute, and some of its customers are erased by the real
worker; requests and bytes are counted, and priced with us-east-1's list prices. Beside it stands what the other way
would cost: a data key per customer, thrown away to make the archive unreadable (crypto-erase). That way every archived
event pays for its key, whether anybody is ever erased or not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final

from omnicascade.domain import aws_prices
from tests.benchmarks.calls import calls
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.processes import Progress, apart

EVENTS: Final = 100_000
CUSTOMERS: Final = 5_000
BEGAN: Final = datetime(2026, 3, 2, tzinfo=UTC)
SPAN: Final = timedelta(days=7)

LIST_USD: Final = 0.005 / 1_000
PUT_USD: Final = 0.005 / 1_000
GET_USD: Final = 0.0004 / 1_000
READ_UNIT_USD: Final = float(aws_prices.READ_UNIT_USD)
WRITE_UNIT_USD: Final = float(aws_prices.WRITE_UNIT_USD)
GB_SECOND_USD: Final = float(aws_prices.LAMBDA_GB_S_USD)
SQS_USD: Final = 0.4 / 1_000_000
KMS_USD: Final = 0.03 / 10_000
"""List prices, us-east-1, 2026. Source: AWS Price List; S3 deletes are free."""

REQUEST_S: Final = 0.02
"""Time that a request to S3 takes, assumed; the function waits for it."""

ERASED_SHARE: Final = 0.01
"""Of the customers, to spread what crypto-erase costs for all of them over those that are erased: one in a hundred."""


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The figures of erasing."""
    progress(f"erasure: {EVENTS:,} events of {CUSTOMERS:,} customers in a week, {runs} of them erased")
    erased = apart(_erased, runs)
    dollars = [one.dollars for one in erased]
    crypto = _crypto_erase_usd()
    return [
        median(
            "erasure.cost_per_customer",
            [value * 1e6 for value in dollars],
            "micro-USD",
            note=f"table, archive, two looks; crypto-erase {crypto * 1e6:,.0f} at one customer erased in a hundred",
        ),
        median(
            "erasure.objects_read",
            [one.requests["GET"] for one in erased],
            "objects",
            note=f"of {erased[0].archived:,}",
        ),
        median("erasure.objects_rewritten", [one.requests["PUT"] for one in erased], "objects"),
        median("erasure.bytes_read", [one.bytes_read / 1024 for one in erased], "KB", note="gzipped"),
        median("erasure.cpu", [one.cpu_s * 1000 for one in erased], "ms"),
    ]


def _crypto_erase_usd() -> float:
    """Per erased customer: half a read unit and a decryption for each event, a key and an item per customer."""
    for_events = EVENTS * (READ_UNIT_USD / 2 + KMS_USD)
    for_customers = CUSTOMERS * (KMS_USD + WRITE_UNIT_USD)
    return (for_events + for_customers) / (CUSTOMERS * ERASED_SHARE)


@dataclass(frozen=True, slots=True)
class Erased:
    """What one erasure took."""

    requests: Counter[str]
    bytes_read: int
    events: int
    archived: int
    cpu_s: float

    @property
    def dollars(self) -> float:
        """List prices of it all."""
        archive = self.requests["LIST"] * LIST_USD + self.requests["GET"] * GET_USD + self.requests["PUT"] * PUT_USD
        waiting = sum(self.requests.values()) * REQUEST_S
        # An event is read in two looks at a quarter of a unit per KB, and deleted with its place in the timeline.
        table = self.events * (0.5 * READ_UNIT_USD + 2 * WRITE_UNIT_USD) + 20 * (READ_UNIT_USD + WRITE_UNIT_USD)
        return archive + table + (self.cpu_s + waiting) * GB_SECOND_USD + 6 * SQS_USD


@dataclass
class CountingBucket:
    """The part of S3 that the archive speaks to, in memory; counts what is billed."""

    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict[str, tuple[bytes, datetime]])
    requests: Counter[str] = field(default_factory=Counter[str])
    bytes_read: int = 0
    now: datetime = BEGAN

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 - S3's own names
        """Store an object."""
        self.requests["PUT"] += 1
        self.objects[Key] = (Body, self.now)
        return {}

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - S3's own names
        """Read an object."""
        self.requests["GET"] += 1
        body, _at = self.objects[Key]
        self.bytes_read += len(body)
        return {"Body": BytesIO(body)}

    def list_object_versions(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - S3's own names
        """What lies under a prefix; nothing has two versions here."""
        self.requests["LIST"] += 1
        found = [
            {"Key": key, "VersionId": "1", "IsLatest": True, "LastModified": at}
            for key, (_, at) in self.objects.items()
            if key.startswith(Prefix)
        ]
        return {"Versions": found}

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        """Free of charge, and nothing to do."""
        self.requests["DELETE"] += 1
        return {}


def _erased(runs: int) -> list[Erased]:
    shop = _Shop()
    return [shop.erase(f"customer-{number * 37 % CUSTOMERS:05d}") for number in range(runs)]


class _Shop:
    """A week of events in stores in memory, and archived by the archive's own writer."""

    def __init__(self) -> None:
        from omnicascade.adapters.event_archive import S3EventArchive
        from omnicascade.adapters.memory_erasures import MemoryErasureStore
        from omnicascade.adapters.memory_runs import MemoryRunStore
        from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore, MemoryLinkStore

        self.events, self.customers, links = MemoryEventStore(), MemoryCustomerStore(), MemoryLinkStore()
        self.runs = MemoryRunStore(self.customers)
        self.store = MemoryErasureStore(self.events, self.customers, self.runs, links)
        self.store.page = 500
        self.bucket = CountingBucket()
        client: Any = self.bucket
        self.archive = S3EventArchive(client, "bench")
        self._by_customer: dict[str, list[Any]] = {}
        for batch in _minutes(_events()):
            self.archive.store(batch)
        self.archived = len(self.bucket.objects)

    def erase(self, customer: str) -> Erased:
        """Both looks at one customer."""
        from omnicascade.domain.erasure import Erasure
        from omnicascade.domain.identifiers import Identifier
        from omnicascade.domain.identity_rules import DEFAULT_RULES
        from omnicascade.usecases.carry_out_erasure import Eraser
        from omnicascade.usecases.erase_customer import Seal
        from tests.usecases.machine import Machine

        own = [event for event in _events() if event.identifiers[0].value == customer]
        self.events.add_all(own)
        self.bucket.now = BEGAN + SPAN
        self.bucket.requests, self.bucket.bytes_read = Counter(), 0
        order = Erasure(f"1-{customer}", (Identifier("user_id", customer).node_id,), BEGAN + SPAN + timedelta(hours=1))
        seal = Seal(self.store, self.customers, self.runs, Machine(lambda: order.at))
        eraser = Eraser(seal, self.archive, lambda _message_id: [], lambda: DEFAULT_RULES)
        began = time.process_time()
        wait = eraser.carry_out(order, "bench", order.at, lambda: False)
        if wait is None or eraser.carry_out(order, "bench", order.at + wait, lambda: False) is not None:
            raise RuntimeError("an erasure takes two looks")
        cpu_s = time.process_time() - began
        return Erased(self.bucket.requests, self.bucket.bytes_read, len(own), self.archived, cpu_s)


def _events() -> Iterator[Any]:
    """The week's events in order: each call by the next customer, so that everybody's are spread over all days."""
    from omnicascade.domain.event import Event, MessageId
    from omnicascade.domain.identifiers import Identifier

    step = SPAN / EVENTS
    bodies = calls(1_000, seed=7)
    for number in range(EVENTS):
        at = BEGAN + number * step
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        who = Identifier("user_id", f"customer-{number * 7919 % CUSTOMERS:05d}")
        body = bodies[number % len(bodies)] | {"messageId": f"m-{number}", "userId": who.value}
        yield Event(MessageId(body["messageId"]), body["type"], body["type"], "web", at, at, (who,), body)


def _minutes(events: Iterator[Any]) -> Iterator[Sequence[dict[str, Any]]]:
    """Batches as the stream's batching window makes them: a minute each."""
    from omnicascade.adapters.event_store import event_item

    batch: list[dict[str, Any]] = []
    minute = BEGAN
    for number, event in enumerate(events):
        if event.received_at - minute >= timedelta(minutes=1):
            yield batch
            batch, minute = [], event.received_at
        batch.append({"NewImage": event_item(event), "SequenceNumber": f"{number:021d}"})
    yield batch
