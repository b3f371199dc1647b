"""The stores in all their makes, and what their contracts are asked with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from infra.constructs import customer_table
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore, MemoryLinkStore
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.contracts import LIVE_DUE, LIVE_INDEX, LIVE_PARTITION_KEY, LIVE_SORT_KEY, TIMELINE_INDEX
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import ClickLink
from omnicascade.domain.projection import Projection
from omnicascade.domain.templates import Template
from omnicascade.usecases.deliver_message import LinkStore, TemplateStore
from omnicascade.usecases.store_ports import CustomerStore, EventStore, JourneyStore, ProjectionChange, RunStore, Slot

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN, BOB, APP = Identifier("user_id", "ann"), Identifier("user_id", "bob"), Identifier("anonymous_id", "app")


class Templates(TemplateStore, Protocol):
    """Where templates are kept, and put."""

    def put_template(self, template: Template) -> None: ...


class Links(LinkStore, Protocol):
    """Where links are kept, and found."""

    def find(self, code: str) -> ClickLink: ...


@dataclass(frozen=True)
class Stores:
    """One store of every kind."""

    events: EventStore
    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    templates: Templates
    links: Links


def stores_in_memory() -> Stores:
    """Empty stores in memory."""
    customers, configuration = MemoryCustomerStore(), MemoryConfigurationStore()
    runs = MemoryRunStore(customers)
    return Stores(MemoryEventStore(), customers, runs, configuration, configuration, MemoryLinkStore())


def stores_on(client: Any) -> Stores:
    """Empty stores on a new table."""
    table = new_table(client)
    on_table = DynamoConfigurationStore(table)
    return Stores(
        DynamoEventStore(table),
        DynamoCustomerStore(table),
        DynamoRunStore(table),
        on_table,
        on_table,
        DynamoLinkStore(table),
    )


_names = (f"table-{number}" for number in itertools.count())


def new_table(client: Any) -> Table:
    """A table with the keys and the index of the template."""
    pk, sk, at = customer_table.PARTITION_KEY, customer_table.SORT_KEY, customer_table.TIMELINE_SORT_KEY
    name = next(_names)
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in (pk, sk, at, LIVE_PARTITION_KEY, LIVE_SORT_KEY)
        ],
        KeySchema=[{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": TIMELINE_INDEX,
                "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": at, "KeyType": "RANGE"}],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": list(customer_table.TIMELINE_ATTRIBUTES),
                },
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": LIVE_INDEX,
                "KeySchema": [
                    {"AttributeName": LIVE_PARTITION_KEY, "KeyType": "HASH"},
                    {"AttributeName": LIVE_SORT_KEY, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [LIVE_DUE]},
            }
        ],
    )
    return Table(client, name)


def minutes(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def event(
    message_id: str, name: str = "Basket Filled", *, who: Identifier = ANN, happened: float = 0, received: float = 0
) -> Event:
    """A track call of one identifier."""
    body = {"type": "track", "event": name, "messageId": message_id, "properties": {"cart_id": "ż", "total": 1.5}}
    return Event(MessageId(message_id), "track", name, "web", minutes(happened), minutes(received), (who,), body)


def run(mark: str = "abc", *, key: str | None = "c1", who: Identifier = ANN, started: float = 0) -> Run:
    """A live run on a home node."""
    run_id = f"basket_{who.node_id}_{mark}"
    return Run(run_id, "basket", 1, who.node_id, key, None, minutes(started), minutes(started), due=minutes(started))


def ended(one: Run) -> Run:
    """The run, over."""
    return replace(one, status="ended", outcome="exited", reason="bought", ended_at=minutes(5), due=None)


def slots(stores: Stores, who: Identifier = ANN) -> list[Slot]:
    """The slots at a node."""
    return list(stores.customers.head(who.node_id, consistent=True).slots)


def save(stores: Stores, projection: Projection, watermark: str, previous: str, who: Identifier = ANN) -> bool:
    """Save one projection; False when it was stale."""
    return not stores.customers.save_projections([ProjectionChange(who.node_id, projection, watermark, previous)])
