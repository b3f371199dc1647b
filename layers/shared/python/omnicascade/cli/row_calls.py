"""From one row to its intake calls.

Why it exists: the messageId decides what is a duplicate, for ever. It is made here, from the map's name and the row
alone, so that importing a file twice, in part or after a crash changes nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from omnicascade.cli.cells import read_timestamp, resolve
from omnicascade.cli.map_model import CallFields, CallRule, Column, ImportMap
from omnicascade.cli.scratch_tables import ScratchTables
from omnicascade.domain.errors import InvalidInputError

EVENT_LIMIT_BYTES: Final = 32 * 1024
"""The intake's limit for one call. Source: the public contract, "Intake"."""

_LIBRARY: Final = {"name": "omnicascade-import", "version": version("omnicascade")}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class MappedCall:
    """One call ready to be sent: the line it comes from, its label (`track Order Completed`), and its JSON."""

    line: int
    label: str
    body: bytes


class RowMapper:
    """Maps the rows of one file, in order: identical rows without a key are told apart by their order."""

    def __init__(self, wanted: ImportMap, tables: ScratchTables) -> None:
        self._map, self._tables, self._rules = wanted, tables, wanted.calls
        self._counts_rows = any(not rule.fields.key for rule in self._rules)

    def pass_over(self, cells: Mapping[str, str]) -> None:
        """Take note of a row that an earlier import has finished."""
        self._ordinal(cells)

    def map(self, line: int, cells: Mapping[str, str]) -> tuple[MappedCall, ...]:
        """The calls of a row, none when the map skips it.

        Raises:
            InvalidInputError: the row cannot be mapped; code and message say why.
        """
        ordinal = self._ordinal(cells)
        if self._map.skip_when and self._map.skip_when.holds(cells):
            return ()
        return tuple(
            _mapped(line, rule, _call(rule, cells) | {"messageId": self._message_id(rule, cells, ordinal)})
            for rule in self._rules
            if rule.when is None or rule.when.holds(cells)
        )

    def _ordinal(self, cells: Mapping[str, str]) -> tuple[bytes, int] | None:
        if not self._counts_rows:
            return None
        digest = _digest(sorted((name, cell) for name, cell in cells.items() if cell))
        return digest, self._tables.times_seen(digest)

    def _message_id(self, rule: CallRule, cells: Mapping[str, str], ordinal: tuple[bytes, int] | None) -> str:
        key = [(name, cells[name]) for name in rule.fields.key]
        for name, cell in key:
            if not cell:
                raise InvalidInputError(f'the key column "{name}" is empty', code="empty_key", path=name)
        identity: object = key
        if not key and ordinal:
            identity = [ordinal[0].hex(), ordinal[1]]
        return f"{self._map.name}-{_digest([self._map.name, rule.label, identity]).hex()}"


def _digest(value: object) -> bytes:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).digest()[:16]


def _call(rule: CallRule, cells: Mapping[str, str]) -> dict[str, Any]:
    """The call's JSON without its messageId; empty cells are left out, but a row must name somebody and its time."""
    fields = rule.fields
    context: dict[str, Any] = {"library": _LIBRARY, **(resolve(fields.context, cells) or {})}
    traits: dict[str, Any] = resolve(fields.traits, cells) or {}
    names_traits = rule.call in {"identify", "group"}
    if traits and not names_traits:
        context["traits"] = traits
    call: dict[str, Any] = {
        "type": rule.call,
        "timestamp": _timestamp(fields, cells),
        "event" if rule.call == "track" else "name": _event(rule, cells),
        "userId": _identifier(fields.user_id, cells),
        "anonymousId": _identifier(fields.anonymous_id, cells),
        "groupId": _identifier(fields.group_id, cells) if rule.call == "group" else None,
        "previousId": _identifier(fields.previous_id, cells) if rule.call == "alias" else None,
        "traits": (traits or None) if names_traits else None,
        "properties": resolve(fields.properties, cells),
        "context": context,
    }
    named = [call["userId"], call["anonymousId"], traits.get("email"), traits.get("phone")]
    if not any((*named, context.get("externalIds"), context.get("device"))):
        raise InvalidInputError("the row names nobody: its identifiers are empty", code="names_nobody")
    return {name: value for name, value in call.items() if value is not None}


def _identifier(column: Column | None, cells: Mapping[str, str]) -> str | None:
    value = resolve(column, cells)
    return None if value is None else str(value)


def _event(rule: CallRule, cells: Mapping[str, str]) -> str | None:
    event = rule.fields.event
    name = resolve(event, cells)
    if name is None and isinstance(event, Column):
        raise InvalidInputError(f'the event column "{event.column}" is empty', code="empty_event", path=event.column)
    return None if name is None else str(name)


def _timestamp(fields: CallFields, cells: Mapping[str, str]) -> str | None:
    moment = fields.timestamp
    if moment is None:
        return None
    cell = cells.get(moment.column, "")
    if not cell:
        # Left out, the intake would place it at the present, where it might start journeys.
        message = f'the timestamp column "{moment.column}" is empty'
        raise InvalidInputError(message, code="empty_timestamp", path=moment.column)
    return read_timestamp(cell, moment)


def _mapped(line: int, rule: CallRule, call: Mapping[str, Any]) -> MappedCall:
    body = _encode(call).encode()
    if len(body) > EVENT_LIMIT_BYTES:
        message = f"the call has {len(body)} bytes, the intake takes {EVENT_LIMIT_BYTES}"
        raise InvalidInputError(message, code="too_large")
    name = call.get("event") or call.get("name")
    return MappedCall(line, f"{rule.call} {name}" if name else rule.call, body)
