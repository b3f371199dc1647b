"""Webhooks, loaded with the first one: few journeys call any, and the key is read only then."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from omnicascade.usecases.ports import WebhookCall
from omnicascade.wiring.clients import client
from omnicascade.wiring.network import network

if TYPE_CHECKING:
    from omnicascade.adapters.webhook_caller import HttpsWebhookCaller
    from omnicascade.settings import Settings


class LateWebhookCaller:
    """`HttpsWebhookCaller`, made when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings tell where the signing secret is."""
        self._settings = settings

    def call(self, call: WebhookCall, hosts: Collection[str]) -> str:
        """See `WebhookCaller.call`."""
        return self._caller.call(call, hosts)

    @cached_property
    def _caller(self) -> HttpsWebhookCaller:
        from omnicascade.adapters.link_tokens import secret_of  # noqa: PLC0415 - the reason for this module
        from omnicascade.adapters.webhook_caller import HttpsWebhookCaller  # noqa: PLC0415

        arn = self._settings.signing_secret_arn
        way = network()
        return HttpsWebhookCaller(lambda: secret_of(client("secretsmanager"), arn), resolve=way.resolve, post=way.post)
