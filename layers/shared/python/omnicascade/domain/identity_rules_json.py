"""Identity's rules as plain JSON values: how a deployment writes them, and the table keeps them.

Read strictly, wherever they come from: a slip in a rule joins strangers, and is found too late in the profiles. Without
a schema library, because the recorder and the projector read them too.

```json
{"types": {"loyalty_card": {"priority": 4, "limit": 1}, "anonymous_id": {"limit": 5, "window": "7d"}},
 "default_limit": {"limit": 5},
 "blocked_values": ["test@example.com"], "blocked_patterns": ["qa-.*"],
 "max_merges": 100, "max_identifiers": 1000,
 "trust": {"call-centre": "low"}}
```
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, cast

from omnicascade.domain.durations import LONGEST, parse_duration
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.identifiers import Identifier, parse_identifier
from omnicascade.domain.identity_rules import (
    DEFAULT_LIMITS,
    DEFAULT_RULES,
    PRIORITIES,
    WEAK,
    IdentityRules,
    Limit,
    Trust,
    bare_value,
)
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.safe_patterns import WAYS, SafePattern, safe_pattern

TRUST_WORDS: Final = tuple(trust.name.lower() for trust in Trust)

MOST_IDENTIFIERS: Final = 1_000
"""No deployment may set `max_identifiers` higher: Segment Unify's limit ("Product limits"), and what one read of a
customer can afford."""

SHORTEST_WINDOW: Final = timedelta(days=1)
"""A proposal is stored once per window, so that a short one would write an edge again and again."""

_RULES: Final = (
    "types",
    "default_limit",
    "blocked_values",
    "blocked_patterns",
    "max_merges",
    "max_identifiers",
    "trust",
)


def rules_from(values: Mapping[str, Any]) -> IdentityRules:
    """Read rules; what is left out has its default.

    Raises:
        UnacceptableError: its `problems` name every mistake by path, with the remedy.
    """
    reading = _Reading()
    rules = reading.rules(values)
    if reading.problems:
        raise UnacceptableError("the rules of identity are not valid", problems=reading.problems)
    return rules


def with_trust(identity: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same rules with the trust that sources have; a source says it once, about itself.

    Args:
        identity: rules as `rules_from` reads them.
        sources: as they are configured; of two with one name the later counts.
    """
    said = {str(source["name"]): source.get("trust", "normal") for source in sources}
    special = {name: word for name, word in sorted(said.items()) if word != "normal"}
    return {**identity, "trust": special}


class _Reading:
    """One document being read, and what was wrong in it so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def rules(self, values: Mapping[str, Any]) -> IdentityRules:
        self._known(values, _RULES, "")
        listed = self._mapping(values.get("types", {}), "types")
        types = {kind: self._type(kind, settings) for kind, settings in listed.items()}
        own = {kind: self._limit(settings, f"types.{kind}") for kind, settings in types.items()}
        default = self._mapping(
            values.get("default_limit", {"limit": DEFAULT_RULES.default_limit.most}), "default_limit"
        )
        self._known(default, ("limit", "window"), "default_limit")
        return IdentityRules(
            priorities=self._priorities(types),
            limits={**DEFAULT_LIMITS, **{kind: limit for kind, limit in own.items() if limit}},
            default_limit=self._limit(default, "default_limit") or DEFAULT_RULES.default_limit,
            blocked_values=frozenset(map(bare_value, self._texts(values, "blocked_values"))),
            blocked_patterns=self._patterns(values),
            max_merges=self._whole(values, "max_merges", DEFAULT_RULES.max_merges, MOST_IDENTIFIERS),
            max_identifiers=self._whole(values, "max_identifiers", DEFAULT_RULES.max_identifiers, MOST_IDENTIFIERS),
            trust=self._trust(values),
        )

    def _problem(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))

    def _known(self, values: Mapping[str, Any], names: Collection[str], path: str) -> None:
        for name in values:
            if name not in names:
                self._problem(_joined(path, name), "unknown_key", f"unknown key `{name}`{_nearest(str(name), names)}")

    def _mapping(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._problem(path, "invalid", "expected a mapping of names to values")
        return mapping(cast("object", value))

    def _texts(self, values: Mapping[str, Any], field: str) -> list[str]:
        listed: object = values.get(field, [])
        entries = items(listed)
        texts = [value for value in entries if isinstance(value, str) and value.strip()]
        if not isinstance(listed, list) or len(texts) < len(entries):
            self._problem(field, "invalid", "expected a list of texts that are not empty; write numbers in quotes")
        return texts

    def _whole(self, values: Mapping[str, Any], field: str, default: int, most: int, path: str = "") -> int:
        value = values.get(field, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            self._problem(_joined(path, field), "invalid", f"expected a whole number from 1 to {most}")
            return default
        return value

    def _type(self, kind: str, settings: object) -> Mapping[str, Any]:
        path = f"types.{kind}"
        values = self._mapping(settings, path)
        self._known(values, ("priority", "limit", "window"), path)
        if parse_identifier(f"{kind}:x") != Identifier(kind, "x"):
            self._problem(path, "invalid", "a type is a name without a colon, as in `type:value`")
        if "priority" in values:
            self._whole(values, "priority", 1, MOST_IDENTIFIERS, path)
            if kind in WEAK:
                message = "names a device or a session, and ranks below all that names a person; leave its priority out"
                self._problem(f"{path}.priority", "invalid", message)
        if "window" in values and "limit" not in values:
            self._problem(f"{path}.limit", "missing", "a window needs a limit beside it")
        return values

    def _priorities(self, types: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
        given = {kind: settings.get("priority") for kind, settings in types.items()}
        ranks = {kind: rank for rank, kind in enumerate(PRIORITIES, start=1)}
        ranks |= {kind: rank for kind, rank in given.items() if isinstance(rank, int)}
        for kind, rank in ranks.items():
            others = sorted(other for other, its in ranks.items() if its == rank and other != kind)
            if others and given.get(kind) is not None:
                message = f"{', '.join(others)} has priority {rank} too; give each type one of its own"
                self._problem(f"types.{kind}.priority", "duplicate", message)
        return tuple(sorted(ranks, key=lambda kind: (ranks[kind], kind)))

    def _limit(self, values: Mapping[str, Any], path: str) -> Limit | None:
        """The limit that is written here, or None where there is none."""
        if "limit" not in values:
            return None
        most = self._whole(values, "limit", DEFAULT_RULES.default_limit.most, MOST_IDENTIFIERS, path)
        return Limit(most, self._window(values.get("window"), f"{path}.window"))

    def _window(self, value: object, path: str) -> timedelta | None:
        if value is None:
            return None
        try:
            window = parse_duration(value if isinstance(value, str) else "")
        except ValueError:
            window = None
        if window is None or window < SHORTEST_WINDOW:
            message = (
                f"expected {SHORTEST_WINDOW.days}d to {LONGEST.days}d, such as 7d; leave it out for a limit for ever"
            )
            self._problem(path, "invalid", message)
        return window

    def _patterns(self, values: Mapping[str, Any]) -> tuple[re.Pattern[str], ...]:
        found: list[SafePattern] = []
        for text in self._texts(values, "blocked_patterns"):
            try:
                found.append(safe_pattern(text))
            except UnacceptableError as error:
                self._problem("blocked_patterns", "invalid", f"`{text}` {error.message}")
        if sum(each.ways for each in found) > WAYS:
            message = "a hostile value could make them slow together: use fewer `*` and `+`, or `blocked_values`"
            self._problem("blocked_patterns", "too_many", message)
        return tuple(each.pattern for each in found)

    def _trust(self, values: Mapping[str, Any]) -> Mapping[str, Trust]:
        words = self._mapping(values.get("trust", {}), "trust")
        for source, word in words.items():
            if word not in TRUST_WORDS:
                self._problem(f"trust.{source}", "invalid", f"unknown word {word!r}{_nearest(str(word), TRUST_WORDS)}")
        return {source: Trust[word.upper()] for source, word in words.items() if word in TRUST_WORDS}


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else str(name)


def _nearest(name: str, names: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for mistakes; events must not wait for it

    close = get_close_matches(name, names, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known are: {', '.join(names)}"
