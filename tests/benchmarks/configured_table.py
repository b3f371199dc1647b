"""A table as a deployment leaves it: settings, journeys and templates of this repository, one source, one customer."""

from datetime import timedelta
from typing import Any

import botocore.session

from infra.config import config_of
from infra.configuration_document import configuration_document
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.domain.deployment import Source
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import identifiers_of
from omnicascade.domain.identity import edges_of
from omnicascade.domain.projection import Projection
from omnicascade.usecases.configure_deployment import configure_deployment
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.usecases.store_ports import ProjectionChange
from tests.benchmarks.calls import NOON, WRITE_KEY
from tests.benchmarks.canned_aws import CannedTable

CUSTOMER = "customer-of-the-benchmark"


def configured_table(*, journeys: bool = True) -> CannedTable:
    """The table's items, written by the product's own adapters; without `journeys` nobody listens to any event."""
    canned = CannedTable()
    session = botocore.session.Session()
    session.set_credentials("bench", "bench")
    client: Any = session.create_client("dynamodb", region_name="eu-central-1")
    client.meta.events.register_first("before-send", canned.answer)
    table = Table(client, "bench")
    store = DynamoConfigurationStore(table)
    document = configuration_document(config_of("prod"))
    document["deployment"] = document["deployment"] | {
        "sources": [{"name": "web", "kind": "web", "default_region": "PL", "write_key": WRITE_KEY}]
    }
    if not journeys:
        document["journeys"] = []
    workshop = Workshop(store, store, lambda _template: None)
    configure_deployment(document, shelf=store, workshop=workshop, new_key=lambda: "unused")
    _put_customer(DynamoCustomerStore(table))
    return canned


def _put_customer(customers: DynamoCustomerStore) -> None:
    traits = {"email": "anna@example.com", "first_name": "Anna"}
    body = {"type": "identify", "messageId": "m", "userId": CUSTOMER, "traits": traits}
    at = NOON - timedelta(days=30)
    named = identifiers_of(body, Source("web", "web", "PL"))
    event = Event(MessageId("m"), "identify", "identify", "web", at, at, named, body)
    customers.propose(edges_of(event))
    customers.save_projections([ProjectionChange(event.node_id, fold(Projection(), [event]), "1", "")])
