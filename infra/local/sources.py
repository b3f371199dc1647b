"""Makes the template's event source mappings into sources of the scheduler."""

import json
from collections.abc import Callable, Sequence

from infra.local.event_filter import check
from infra.local.faults import Faults
from infra.local.inventory import Inventory, SourceMapping
from infra.local.lambda_runtime import LambdaRuntime
from infra.local.moto_state import queue_look, stream_records
from infra.local.queues import QueueMapping, QueuePoller
from infra.local.scheduler import Scheduler
from infra.local.service_clients import ServiceClients
from infra.local.streams import ENDLESS_RETRIES, StreamMapping, StreamReader
from infra.local.template import TemplateError

type Source = Callable[[], bool]


def event_sources(
    inventory: Inventory,
    *,
    clients: ServiceClients,
    runtime: LambdaRuntime,
    scheduler: Scheduler,
    faults: Faults,
    account: str,
    region: str,
) -> Sequence[Source]:
    """One source for each mapping, in the template's order.

    Raises:
        TemplateError: a mapping's source is neither a queue nor a table's stream of this template.
        FilterError: a mapping filters in a way that is not known.
    """
    sources: list[Source] = []
    for mapping in inventory.mappings:
        if mapping.source_arn in inventory.queue_urls:
            described = _queue_mapping(mapping, inventory)
            sources.append(
                QueuePoller(
                    described,
                    has_messages=queue_look(account, region, mapping.source_arn.rpartition(":")[2]),
                    sqs=clients.sqs,
                    runtime=runtime,
                    scheduler=scheduler,
                    faults=faults,
                )
            )
        elif mapping.source_arn in inventory.table_of_stream:
            table = inventory.table_of_stream[mapping.source_arn]
            sources.append(
                StreamReader(
                    _stream_mapping(mapping, inventory),
                    stream_records(account, region, table),
                    sqs=clients.sqs,
                    runtime=runtime,
                    faults=faults,
                    now=scheduler.clock.now,
                )
            )
        else:
            msg = f"{mapping.function_name} reads {mapping.source_arn}, which is no queue or stream of this template"
            raise TemplateError(msg)
    return sources


def _queue_mapping(mapping: SourceMapping, inventory: Inventory) -> QueueMapping:
    return QueueMapping(
        function=mapping.function_name,
        queue_arn=mapping.source_arn,
        queue_url=inventory.queue_urls[mapping.source_arn],
        batch_size=int(mapping.properties.get("BatchSize", 10)),
        visibility_s=inventory.queue_visibility_s[mapping.source_arn],
        partial_failures=_partial(mapping),
    )


def _stream_mapping(mapping: SourceMapping, inventory: Inventory) -> StreamMapping:
    properties = mapping.properties
    patterns = [
        json.loads(filtering["Pattern"]) for filtering in properties.get("FilterCriteria", {}).get("Filters", [])
    ]
    for pattern in patterns:
        check(pattern)
    retries = int(properties.get("MaximumRetryAttempts", -1))
    destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return StreamMapping(
        function=mapping.function_name,
        function_arn=mapping.function_name,
        stream_arn=mapping.source_arn,
        batch_size=int(properties.get("BatchSize", 100)),
        partial_failures=_partial(mapping),
        bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
        retries=ENDLESS_RETRIES if retries < 0 else retries,
        patterns=patterns,
        failure_queue_url=inventory.queue_urls.get(destination or ""),
    )


def _partial(mapping: SourceMapping) -> bool:
    return "ReportBatchItemFailures" in mapping.properties.get("FunctionResponseTypes", [])
