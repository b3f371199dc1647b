"""Liquid, loaded with the first template: by far the dearest import, and a sender that finds nothing due needs none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from omnicascade.domain.deployment import Channel
from omnicascade.domain.templates import RenderedMessage, Template

if TYPE_CHECKING:
    from omnicascade.adapters.liquid_renderer import LiquidRenderer


class LateRenderer:
    """`LiquidRenderer`, imported when it is first asked."""

    def check(self, template: Template) -> None:
        """See `LiquidRenderer.check`."""
        self._liquid.check(template)

    def target(self, template: Template, channel: Channel, context: Mapping[str, Any]) -> str | None:
        """See `LiquidRenderer.target`."""
        return self._liquid.target(template, channel, context)

    def render(
        self, template: Template, channel: Channel, context: Mapping[str, Any], *, footer: bool = True
    ) -> RenderedMessage:
        """See `LiquidRenderer.render`."""
        return self._liquid.render(template, channel, context, footer=footer)

    @cached_property
    def _liquid(self) -> LiquidRenderer:
        from omnicascade.adapters.liquid_renderer import LiquidRenderer  # noqa: PLC0415 - the reason for this module

        return LiquidRenderer()
