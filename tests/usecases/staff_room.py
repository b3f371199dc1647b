"""A staff desk over the small world: the same use cases that the staff function wires, on the memory stores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode

from omnicascade.domain.deployment import Deployment
from omnicascade.usecases.serve_profiles import ProfileDesk
from omnicascade.usecases.staff_calls import Answer, StaffRequest
from tests.usecases.world import World


class Settings:
    """A deployment whose tills are in Poland."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def deployment(self) -> Deployment:
        """See `DeploymentSettings.deployment`."""
        return self._deployment

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """See `DeploymentSettings.sources`."""
        return [{"name": "web", "default_region": None}, {"name": "till", "default_region": "PL"}]


class StaffRoom:
    """What staff do to the customers of a world; every answer is one that JSON can carry."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        ids = count(1)
        self.desk = ProfileDesk(
            customers=self.world.customers,
            events=self.world.events,
            runs=self.world.runs,
            queue=self.world.queue,
            settings=Settings(self.world.journeys.deployment()),
            clock=lambda: self.world.now,
            new_id=lambda: f"staff-{next(ids)}",
        )

    def happened(self, *calls: Mapping[str, Any]) -> None:
        """Calls of a channel, a second apart, each with an id of its own; all that follows of them is done."""
        for call in calls:
            self.world.post({"type": "track", "event": "Visited", "messageId": f"m{id(call)}", **call})
            self.world.advance(seconds=1)

    def request(self, reference: str = "", body: object = None, **more: Any) -> StaffRequest:
        """A call about a customer."""
        query: Mapping[str, str] = more.pop("query", {})
        asked = parse_qsl(urlencode(list(query.items())), keep_blank_values=True)
        text = "" if body is None else json.dumps(body)
        return StaffRequest("", path={"id": reference}, query=query, body=text, asked=asked, **more)

    def split(self, reference: str, body: object, **more: Any) -> dict[str, Any]:
        """POST …/split."""
        return shown(self.desk.split(self.request(reference, body, **more)))

    def link(self, reference: str, other: str, rule: str, **more: Any) -> dict[str, Any]:
        """PUT …/links."""
        return shown(self.desk.link(self.request(reference, {"with": other, "rule": rule} | more)))

    def explain(self, reference: str) -> dict[str, Any]:
        """GET …/explain."""
        return shown(self.desk.explain(self.request(reference)))

    def profile(self, reference: str) -> dict[str, Any]:
        """GET the profile."""
        return shown(self.desk.profile(self.request(reference)))

    def identifiers(self, reference: str) -> set[str]:
        """The identifiers of a profile."""
        return identifiers(self.profile(reference))

    def events(self, reference: str, **query: str) -> dict[str, Any]:
        """GET …/events."""
        return shown(self.desk.timeline(self.request(reference, query=query)))


def shown(answer: Answer) -> dict[str, Any]:
    """The body as a caller reads it."""
    return json.loads(json.dumps(answer.body))


def identifiers(profile: Mapping[str, Any]) -> set[str]:
    """A profile's identifiers as `type:value`."""
    return {f"{one['type']}:{one['value']}" for one in profile["identifiers"]}
