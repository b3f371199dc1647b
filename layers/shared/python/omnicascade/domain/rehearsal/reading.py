"""Reads a scenario as a person or a program wrote it, and says everything that is wrong with it, each with its path.

Generous in how moments and names are written, strict about what they mean: an unknown key is an error, because a
misspelt one would rehearse something else than was meant. Needs no pydantic.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast, get_args

from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.deployment import Channel, Source
from omnicascade.domain.durations import parse_duration
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, identifiers_of, normalise, parse_identifier
from omnicascade.domain.intake import read_time
from omnicascade.domain.json_text import mapping
from omnicascade.domain.reach import ADDRESS_TYPES
from omnicascade.domain.rehearsal.scenario import (
    NOBODY,
    SOURCE,
    Arrives,
    Consents,
    Enters,
    FeedbackKind,
    Happening,
    Reacts,
    Scenario,
    event_of,
    opening_of,
)

SCENARIO_KEYS: Final = ("start", "until", "profile", "enter", "events")
PROFILE_KEYS: Final = ("identifiers", "traits", "consent", "suppressed")
CALL_TYPES: Final = ("track", "identify", "page", "screen", "group", "alias")
CALL_KEYS: Final = (
    "at", "type", "event", "name", "category", "properties", "traits", "context", "userId", "anonymousId", "groupId",
    "previousId", "messageId", "timestamp", "integrations",
)  # fmt: skip
FEEDBACK_KINDS: Final[tuple[str, ...]] = get_args(FeedbackKind.__value__)
CHANNELS: Final = tuple(channel.value for channel in Channel)
CONSENT_WORDS: Final = {"granted": True, "denied": False}

DEFAULT_LENGTH: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=3 * 366)
MOST_HAPPENINGS: Final = 2_000


def read_scenario(body: Mapping[str, Any], now: datetime) -> Scenario:
    """A scenario as written: `start`, `until`, `profile`, `enter`, `events`; other keys are left to the caller.

    Args:
        body: nested plain JSON values.
        now: `start`, where it is left out (aware UTC).

    Raises:
        UnacceptableError: `problems` lists everything that is wrong.
    """
    reader = _Reader(body, now)
    scenario = reader.read()
    if reader.problems:
        raise refusal(reader.problems)
    return scenario


def refusal(problems: Sequence[Problem]) -> UnacceptableError:
    """The error that carries these problems, the first one in its message."""
    first, more = problems[0], f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    where = f"{first.path}: " if first.path else ""
    return UnacceptableError(f"{where}{first.message}{more}", path=first.path or None, problems=problems)


def unknown_keys(given: Mapping[str, Any], known: Collection[str], path: str) -> list[Problem]:
    """A problem for each key that is not known here, with the nearest one that is."""
    lead = f"{path}." if path else ""
    return [
        Problem(f"{lead}{key}", "unknown_key", f"unknown key {key!r}{nearest(key, known)}")
        for key in given
        if key not in known
    ]


@dataclass(slots=True)
class _Reader:
    """Walks one document and collects what is wrong with it."""

    body: Mapping[str, Any]
    start: datetime
    problems: list[Problem] = field(default_factory=list[Problem])

    def read(self) -> Scenario:
        if self.body.get("start") is not None:
            start = read_time(self.body["start"])
            if start is None:
                self._wrong("start", "time", "expected an ISO 8601 time such as 2026-03-10T12:00:00Z")
            self.start = start or self.start
        known, opening = self._profile(self.body.get("profile"))
        happenings = sorted([*self._events(known), *self._entries()], key=lambda happening: happening.at)
        until = self._until(max((happening.at for happening in happenings), default=self.start))
        return Scenario(self.start, until, opening, _enters_before_feedback(happenings))

    def _until(self, last: datetime) -> datetime:
        given = self.body.get("until")
        until = max(last, self.start + DEFAULT_LENGTH) if given is None else self.moment(given, "until")
        if until < self.start:
            self._wrong("until", "time", "lies before the start")
        elif until - self.start > LONGEST:
            self._wrong("until", "too_long", f"a rehearsal ends at most {LONGEST.days}d after its start")
        return until

    def moment(self, given: object, path: str) -> datetime:
        """A duration after the start, a number of seconds after it, or an ISO time."""
        length = _length(given)
        if length is not None:
            return self.start + length
        moment = read_time(given) if isinstance(given, str) else None
        if moment is None:
            expected = "expected a duration after the start such as 90s, 4h or 2d, or an ISO 8601 time"
            self._wrong(path, "time", f"{expected}, not {given!r}")
        return moment or self.start

    # The customer

    def _profile(self, given: object) -> tuple[tuple[Identifier, ...], tuple[Event, ...]]:
        profile = self._mapping(given, "profile")
        self.problems += unknown_keys(profile, PROFILE_KEYS, "profile")
        traits = self._mapping(profile.get("traits"), "profile.traits")
        told = identifiers_of({"type": "identify", "traits": traits}, Source(SOURCE, "app"))
        identifiers = tuple(dict.fromkeys((*self._identifiers(profile.get("identifiers")), *told)))
        opening = opening_of(
            identifiers,
            self.start,
            traits=traits,
            consent=self._consent(profile.get("consent"), "profile.consent"),
            suppressed=self._suppressed(profile.get("suppressed"), identifiers),
        )
        return opening[0].identifiers, opening

    def _identifiers(self, given: object) -> tuple[Identifier, ...]:
        found: dict[Identifier, None] = {}
        for path, kind, value in self._named(given):
            identifier = normalise(kind, value) if isinstance(kind, str) else None
            if identifier:
                found[identifier] = None
            else:
                self._wrong(path, "identifier", f"{value!r} is no {kind} that names a customer")
        return tuple(found)

    def _named(self, given: object) -> list[tuple[str, object, object]]:
        """Path, type and value of each: a list of {type, value} or of `type:value`, or a mapping by type."""
        if isinstance(given, Mapping):
            entries = cast("Mapping[str, object]", given)
            return [
                (f"profile.identifiers.{kind}", kind, value)
                for kind, values in entries.items()
                for value in (cast("list[object]", values) if isinstance(values, list) else [values])
            ]
        named: list[tuple[str, object, object]] = []
        for n, entry in enumerate(self._list(given, "profile.identifiers")):
            path = f"profile.identifiers.{n}"
            if isinstance(entry, str):
                kind, _, value = entry.partition(":")
                named.append((path, kind, value))
                continue
            pair = self._mapping(entry, path)
            self.problems += unknown_keys(pair, ("type", "value"), path)
            named.append((f"{path}.value", pair.get("type"), pair.get("value")))
        return named

    def _suppressed(self, given: object, known: Sequence[Identifier]) -> tuple[Identifier, ...]:
        """Addresses as `type:value` or {type, value}, or a channel's name for all of its addresses."""
        found: list[Identifier] = []
        for n, entry in enumerate(self._list(given, "profile.suppressed")):
            if entry in CHANNELS:
                found += [i for i in known if i.type in ADDRESS_TYPES[Channel(cast("str", entry))]]
                continue
            pair = mapping(entry)
            raw = parse_identifier(entry) if isinstance(entry, str) else None
            kind, value = (raw.type, raw.value) if raw else (pair.get("type"), pair.get("value"))
            identifier = normalise(kind, value) if isinstance(kind, str) else None
            if identifier:
                found.append(identifier)
            else:
                self._wrong(
                    f"profile.suppressed.{n}", "identifier", 'expected an address such as "email:ann@example.com"'
                )
        return tuple(found)

    def _consent(self, given: object, path: str) -> dict[str, bool]:
        words: dict[str, bool] = {}
        for key, said in self._mapping(given, path).items():
            channel, slash, topic = key.partition("/")
            if channel not in CHANNELS or not (slash and topic):
                self._wrong(f"{path}.{key}", "consent", "expected channel/topic, such as email/promotions or sms/*")
                continue
            word = cast("Mapping[str, object]", said).get("status") if isinstance(said, Mapping) else said
            granted = word if isinstance(word, bool) else CONSENT_WORDS.get(word) if isinstance(word, str) else None
            if granted is None:
                self._wrong(f"{path}.{key}", "consent", f"expected granted or denied, not {said!r}")
            else:
                words[key] = granted
        return words

    # What happens

    def _entries(self) -> list[Happening]:
        given = self.body.get("enter")
        if given is None or given is False:
            return []
        listed = cast("list[object]", given) if isinstance(given, list) else ["0s" if given is True else given]
        paths = [f"enter.{n}" for n in range(len(listed))] if isinstance(given, list) else ["enter"]
        return [Enters(self.moment(at, path)) for at, path in zip(listed, paths, strict=True)]

    def _events(self, known: tuple[Identifier, ...]) -> list[Happening]:
        listed = self._list(self.body.get("events"), "events")
        if len(listed) > MOST_HAPPENINGS:
            self._wrong("events", "too_many", f"a rehearsal has at most {MOST_HAPPENINGS} events")
            return []
        happenings: list[Happening] = []
        for n, entry in enumerate(listed):
            path = f"events.{n}"
            given = self._mapping(entry, path)
            if not given and isinstance(entry, Mapping):
                self._wrong(
                    path, "event", 'expected something that happens, such as {"at": "1h", "event": "Order Completed"}'
                )
            if not given:
                continue
            at = self.moment(given.get("at", 0), f"{path}.at")
            if "feedback" in given:
                found = self._feedback(given, at, path)
            elif "consent" in given:
                self.problems += unknown_keys(given, ("at", "consent"), path)
                found = Consents(at, self._consent(given["consent"], f"{path}.consent"))
            else:
                found = self._call(given, at, path, n, known)
            happenings += [found] if found else []
        return happenings

    def _feedback(self, given: Mapping[str, Any], at: datetime, path: str) -> Reacts | None:
        self.problems += unknown_keys(given, ("at", "feedback", "channel", "text"), path)
        kind, channel = given["feedback"], given.get("channel")
        if kind not in FEEDBACK_KINDS:
            return self._wrong(
                f"{path}.feedback", "feedback", f"{kind!r} is no feedback{nearest(str(kind), FEEDBACK_KINDS)}"
            )
        if channel is not None and channel not in CHANNELS:
            return self._wrong(
                f"{path}.channel", "unknown_name", f"{channel!r} is no channel{nearest(str(channel), CHANNELS)}"
            )
        return Reacts(at, cast("FeedbackKind", kind), Channel(channel) if channel else None, str(given.get("text", "")))

    def _call(
        self, given: Mapping[str, Any], at: datetime, path: str, number: int, known: tuple[Identifier, ...]
    ) -> Arrives | None:
        """A call as Segment writes it. Whoever it names besides, it is about the rehearsal's one customer."""
        self.problems += unknown_keys(given, (*CALL_KEYS, "feedback", "consent", "channel"), path)
        kind = given.get("type", "track" if "event" in given else None)
        if kind not in CALL_TYPES:
            return self._wrong(f"{path}.type", "unknown_name", f"{kind!r} is no call{nearest(str(kind), CALL_TYPES)}")
        name = given.get("event") if kind == "track" else kind
        if not isinstance(name, str) or not name.strip():
            return self._wrong(
                f"{path}.event", "missing_event", "a track call needs `event`, the name of what happened"
            )
        body = {
            key: value for key, value in given.items() if key not in {"at", "type", "event", "messageId", "timestamp"}
        }
        for part in ("properties", "traits", "context"):
            self._mapping(body.get(part), f"{path}.{part}")
        message_id = str(given.get("messageId") or f"{SOURCE}-{number:06}")
        event = event_of(kind, name, message_id, at, (), body)
        named = identifiers_of({**body, "type": kind}, Source(SOURCE, "app"))
        event = replace(event, identifiers=named or known or (NOBODY,))
        if given.get("timestamp") is not None:
            happened = read_time(given["timestamp"])
            if happened is None:
                return self._wrong(f"{path}.timestamp", "time", "expected an ISO 8601 time")
            event = replace(event, timestamp=happened)
        return Arrives(at, event)

    # What anything is

    def _mapping(self, given: object, path: str) -> Mapping[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self._wrong(path, "wrong_type", f"expected a mapping, not {given!r}")
            return {}
        return cast("Mapping[str, Any]", given)

    def _list(self, given: object, path: str) -> list[Any]:
        if given is None:
            return []
        if not isinstance(given, list):
            self._wrong(path, "wrong_type", f"expected a list, not {given!r}")
            return []
        return cast("list[Any]", given)

    def _wrong(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))


def _length(given: object) -> timedelta | None:
    """`4h`, `-2d` (before the start), or seconds as a number."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return timedelta(seconds=given) if abs(given) <= LONGEST.total_seconds() else None
    if not isinstance(given, str):
        return None
    text = given.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text)
    except ValueError:
        return None


def _enters_before_feedback(happenings: Sequence[Happening]) -> tuple[Happening, ...]:
    """Of one moment: what is known of the customer first, then entries, then feedback on what they led to."""
    ordered: list[Happening] = []
    for happening in happenings:
        place = len(ordered)
        if isinstance(happening, Enters):
            while place and ordered[place - 1].at == happening.at and isinstance(ordered[place - 1], Reacts):
                place -= 1
        ordered.insert(place, happening)
    return tuple(ordered)
