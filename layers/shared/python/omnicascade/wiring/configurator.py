"""A deployment's own configuration, wired: the table, and the account's SMS settings."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.sms_account import SmsAccount
from omnicascade.settings import Settings
from omnicascade.usecases.configure_deployment import configure_deployment
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now
from omnicascade.wiring.segment_bench import follower, segment_bench


class Configurator:
    """`configure_deployment` for one deployment."""

    def __init__(self, settings: Settings) -> None:
        table = Table(client("dynamodb"), settings.table)
        self._configuration = DynamoConfigurationStore(table)
        self._segments, self._schedules = segment_bench(settings, table, self._configuration)
        self._sms = SmsAccount(client("sns"), settings.sms_delivery_role_arn)

    def __call__(self, document: Mapping[str, Any]) -> dict[str, int]:
        """Store a configuration document and switch the SMS delivery log on. See `configure_deployment`."""
        store = self._configuration
        self._sms.log_deliveries()
        workshop = Workshop(store, store, LiquidRenderer().check, follower(self._segments, self._schedules))
        return configure_deployment(
            document,
            shelf=store,
            workshop=workshop,
            new_key=lambda: token_urlsafe(24),
            put_segments=lambda documents: self._segments.store_all(documents, now()),
            recount=lambda: self._segments.recount(now()),
        )
