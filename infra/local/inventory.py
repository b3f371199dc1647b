"""What the template describes and AWS would run: functions, mappings, routes, event destinations, triggers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.async_calls import CallRules
from infra.local.http_api import ApiRoute
from infra.local.lambda_runtime import FunctionDefinition


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """One event source mapping as described: its properties, resolved."""

    function_name: str
    source_arn: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventDestination:
    """Where a configuration set sends which of its events."""

    configuration_set: str
    topic_arn: str
    types: frozenset[str]


@dataclass(slots=True)
class Inventory:
    """Filled while the template's resources are made, then only read.

    Attributes:
        table_of_stream: a table's name by its stream's ARN.
        queue_urls: by ARN.
        queue_visibility_s: by ARN.
        triggers: functions to invoke once when everything is there.
        topics: ARNs of the topics, in the template's order.
        call_rules: by function name, how calls are repeated that nobody waits for.
    """

    functions: dict[str, FunctionDefinition] = field(default_factory=dict[str, FunctionDefinition])
    mappings: list[SourceMapping] = field(default_factory=list[SourceMapping])
    integrations: dict[str, str] = field(default_factory=dict[str, str])
    routes: list[ApiRoute] = field(default_factory=list[ApiRoute])
    table_of_stream: dict[str, str] = field(default_factory=dict[str, str])
    queue_urls: dict[str, str] = field(default_factory=dict[str, str])
    queue_visibility_s: dict[str, int] = field(default_factory=dict[str, int])
    destinations: list[EventDestination] = field(default_factory=list[EventDestination])
    triggers: list[str] = field(default_factory=list[str])
    topics: list[str] = field(default_factory=list[str])
    call_rules: dict[str, CallRules] = field(default_factory=dict[str, CallRules])

    def destinations_of(self, configuration_set: str | None, event_type: str) -> Sequence[str]:
        """The topics that want this type of a configuration set's events."""
        return [
            destination.topic_arn
            for destination in self.destinations
            if destination.configuration_set == configuration_set and event_type.lower() in destination.types
        ]
