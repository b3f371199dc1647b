"""What a staff call brings and what its answer carries, apart from how HTTP writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from omnicascade.domain.deployment import Deployment


class DeploymentSettings(Protocol):
    """What the deployment was configured with."""

    def deployment(self) -> Deployment:
        """The settings that rules read."""
        ...

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Every source with its write key."""
        ...


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """One call: the route as `contracts.ROUTES` writes it, and what came with it.

    Attributes:
        path: parameters, decoded.
        query: parameters, decoded; of a repeated one the values joined by commas.
        asked: the query's parameters one by one, in order.
        headers: by lower-case name.
        caller: who calls, as the gateway knows them; empty where it does not say.
    """

    route: str
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    asked: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, JSON body (None: no body at all) and what headers there are besides the usual."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
