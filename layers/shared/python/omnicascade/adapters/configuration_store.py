"""Settings, journeys and templates in the table, and the sources as they were configured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Table, number, text
from omnicascade.adapters.segment_index import load_segments
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import ConflictError, NotFoundError
from omnicascade.domain.templates import Template
from omnicascade.domain.templates import from_json as template_from
from omnicascade.domain.templates import to_json as template_json
from omnicascade.usecases.store_ports import JourneyListing

if TYPE_CHECKING:
    from omnicascade.domain.journeys.journey import Journey


class DynamoConfigurationStore:
    """`JourneyStore`, and the rest of what a deployment configures."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._journeys: dict[tuple[str, int], Journey] = {}
        self._deployment = (("", ""), Deployment())

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Every source with its write key."""
        return [_state(item) for item in self._table.query(keys.CONFIG, keys.SOURCE_PREFIX)]

    def put_source(self, values: Mapping[str, Any]) -> None:
        """Store a source under its `write_key`."""
        self._put_state(keys.source_key(values["write_key"]), values)

    def deployment(self) -> Deployment:
        """See `JourneyStore.deployment`, with the segments. Cost: 1 read unit per 4 KB of each, one request; an
        unchanged text is not parsed again."""
        found = self._read(keys.DEPLOYMENT, keys.SEGMENT_INDEX)
        return self._understood(found.get(keys.DEPLOYMENT), found.get(keys.SEGMENT_INDEX))

    def current(self) -> tuple[Sequence[JourneyListing], Deployment]:
        """`listing` and `deployment` in one request. Cost: 1 read unit per 4 KB of each."""
        found = self._read(keys.JOURNEY_INDEX, keys.DEPLOYMENT, keys.SEGMENT_INDEX)
        deployment = self._understood(found.get(keys.DEPLOYMENT), found.get(keys.SEGMENT_INDEX))
        return _listed(found.get(keys.JOURNEY_INDEX)), deployment

    def _read(self, *places: str) -> Mapping[str, Item]:
        """Consistent, so that a journey that was put just after a segment finds it."""
        return {item["sk"]["S"]: item for item in self._table.get_many([(keys.CONFIG, place) for place in places])}

    def _understood(self, settings: Item | None, segments: Item | None) -> Deployment:
        written = settings["state"]["S"] if settings else ""
        divided = segments["state"]["S"] if segments else ""
        if (written, divided) != self._deployment[0]:
            deployment = deployment_from(json.loads(written)) if written else Deployment()
            self._deployment = (
                (written, divided),
                replace(deployment, segments=load_segments(divided) if divided else deployment.segments),
            )
        return self._deployment[1]

    def put_deployment(self, values: Mapping[str, Any]) -> None:
        """Store the settings."""
        self._put_state(keys.DEPLOYMENT, values)

    def listing(self) -> Sequence[JourneyListing]:
        """See `JourneyStore.listing`. Cost: 1 read unit per 4 KB."""
        return _listed(self._table.get(keys.CONFIG, keys.JOURNEY_INDEX))

    def journey(self, name: str, version: int | None = None) -> Journey | None:
        """See `JourneyStore.journey`. A version never changes, so it is read once per process."""
        if version is None:
            version = next((line.version for line in self.listing() if line.name == name), None)
        if version is None:
            return None
        if (name, version) not in self._journeys:
            from omnicascade.domain.journeys import journey as journeys  # noqa: PLC0415 - most events concern no journey

            item = self._table.get(keys.CONFIG, keys.journey_key(name, version))
            if item is None:
                return None
            self._journeys[name, version] = journeys.from_json(_state(item)["journey"])
        return self._journeys[name, version]

    def definition(self, name: str, version: int | None = None) -> Mapping[str, Any] | None:
        """See `JourneyStore.definition`."""
        if version is None:
            version = next((line.version for line in self.listing() if line.name == name), None)
        item = self._table.get(keys.CONFIG, keys.journey_key(name, version)) if version else None
        return _state(item)["definition"] if item else None

    def put_journey(self, journey: Journey, definition: Mapping[str, Any]) -> Journey:
        """See `JourneyStore.put_journey`.

        Raises:
            ConflictError: another change of the journeys was made at the same moment; put it again.
        """
        from omnicascade.domain.journeys import journey as journeys  # noqa: PLC0415 - see `journey`

        stored = self._table.get(keys.CONFIG, keys.JOURNEY_INDEX)
        lines: list[dict[str, Any]] = _state(stored)["journeys"] if stored else []
        current = next((line for line in lines if line["name"] == journey.name), None)
        if current and self.definition(journey.name) == definition:
            return self.journey(journey.name, current["version"]) or journey
        version = current["version"] + 1 if current else 1
        numbered = replace(journey, version=version)
        line: dict[str, Any] = {
            "name": journey.name,
            "version": version,
            "active": journey.active,
            "title": journey.title,
            "listens": {role: sorted(names) for role, names in journeys.listens(journey).items()},
            "paused": bool(current and current.get("paused")),
        }
        item = _state_item(
            keys.journey_key(journey.name, version),
            {"journey": journeys.to_json(numbered), "definition": definition},
        )
        try:
            self._table.write_together([(item, "attribute_not_exists(pk)", {}), _with_line(stored, lines, line)])
        except ConditionFailedError as error:
            raise ConflictError("the journeys were changed at the same moment; put this one again") from error
        return numbered

    def set_paused(self, name: str, *, paused: bool) -> bool:
        """See `JourneyStore.set_paused`. Cost: the listing read and written."""
        stored = self._table.get(keys.CONFIG, keys.JOURNEY_INDEX)
        lines: list[dict[str, Any]] = _state(stored)["journeys"] if stored else []
        line = next((line for line in lines if line["name"] == name), None)
        if line is None:
            raise NotFoundError(f"there is no journey {name}")
        if bool(line.get("paused")) == paused:
            return False
        try:
            self._table.write_together([_with_line(stored, lines, {**line, "paused": paused})])
        except ConditionFailedError as error:
            raise ConflictError("the journeys were changed at the same moment; try again") from error
        return True

    def templates(self) -> Sequence[Template]:
        """Every template."""
        return [template_from(_state(item)) for item in self._table.query(keys.CONFIG, keys.TEMPLATE_PREFIX)]

    def template(self, name: str) -> Template | None:
        """One template, or None."""
        item = self._table.get(keys.CONFIG, f"{keys.TEMPLATE_PREFIX}{name}")
        return template_from(_state(item)) if item else None

    def put_template(self, template: Template) -> None:
        """Store a template; messages that are sent from now on use it."""
        self._put_state(f"{keys.TEMPLATE_PREFIX}{template.name}", template_json(template))

    def _put_state(self, sk: str, state: Mapping[str, Any]) -> None:
        self._table.put(_state_item(sk, state))


def _state_item(sk: str, state: Mapping[str, Any]) -> Item:
    return {"pk": text(keys.CONFIG), "sk": text(sk), "state": text(json.dumps(state, ensure_ascii=False))}


def _with_line(
    stored: Item | None, lines: Sequence[dict[str, Any]], line: dict[str, Any]
) -> tuple[Item, str, dict[str, Any]]:
    """The listing with one line in place of its former self, on condition that it is as it was read."""
    others = [other for other in lines if other["name"] != line["name"]]
    by_name = sorted([*others, line], key=lambda entry: str(entry["name"]))
    revision = int(stored["rev"]["N"]) if stored else 0
    listing = _state_item(keys.JOURNEY_INDEX, {"journeys": by_name})
    listing["rev"] = number(revision + 1)
    return (listing, "rev = :rev", {":rev": number(revision)}) if stored else (listing, "attribute_not_exists(pk)", {})


def _listed(item: Item | None) -> Sequence[JourneyListing]:
    return [JourneyListing(**line) for line in _state(item)["journeys"]] if item else []


def _state(item: Item) -> dict[str, Any]:
    return json.loads(item["state"]["S"])
