"""Runs a scenario of identity-scenarios.json over HTTP and says where the answers differ from what it expects.

Only calls of the contract are made. What another product has as an own command is said in ours: a deletion is
`DELETE`, an explicit merge is staff's word `include`, and a workspace is a deployment of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, cast
from urllib.parse import quote

from infra.local_client import STAFF, StackClient
from omnicascade.domain.identity_rules import DEFAULT_RULES

KINDS = {"userId": ("user_id",), "anonymousId": ("anonymous_id",), "id": ("user_id", "anonymous_id")}
"""The scenarios' names of types in ours; an `id` may be either."""

DELETES = ("delete", "privacy")
OWN_KEYS = ("workspace", "source", "concurrent_group", "force")
SOURCES = ("web", "app", "server", "pos", "kiosk", "callcentre")

type Scenario = Mapping[str, Any]


def references(name: str) -> list[str]:
    """`userId:x` as the staff API names it."""
    kind, _, value = name.partition(":")
    return [f"{ours}:{value}" for ours in KINDS.get(kind, (kind,))]


def named_in(event: Mapping[str, Any]) -> Iterator[str]:
    """Every identifier that an event may name, in the scenarios' words."""
    context = event.get("context", {})
    for key, kind in (("userId", "userId"), ("anonymousId", "anonymousId"), ("previousId", "id")):
        if isinstance(event.get(key), str):
            yield f"{kind}:{event[key]}"
    said: list[Mapping[str, Any]] = [event.get("traits") or {}, context.get("traits") or {}]
    for traits in said:
        yield from (f"{kind}:{traits[kind]}" for kind in ("email", "phone") if isinstance(traits.get(kind), str))
    device: Mapping[str, Any] = context.get("device") or {}
    if device.get("type") in ("ios", "android"):
        yield from (f"{device['type']}.id:{device[key]}" for key in ("id",) if key in device)
        yield from (f"{device['type']}.push_token:{device[key]}" for key in ("token",) if key in device)
    yield from (f"{one['type']}:{one['id']}" for one in context.get("externalIds", []))


def expected_names(expect: Mapping[str, Any]) -> Iterator[str]:
    """Every identifier that the expectation speaks of."""
    for profile in expect.get("profiles", []):
        yield from profile.get("identifiers", [])
    for pair in (*expect.get("separate", []), *expect.get("together", [])):
        yield from pair
    yield from (lookup["by"] for lookup in expect.get("lookup", []))


def _is_phone(value: str) -> bool:
    return bool(re.fullmatch(r"\+?[0-9][0-9 .()-]{6,}", value)) and not _is_placeholder(value)


def _is_placeholder(value: str) -> bool:
    return DEFAULT_RULES.blocks(value)


def _keeps(value: str) -> bool:
    return _is_placeholder(value) or _is_phone(value)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same with every identifier's value, alone or as `kind:value`, replaced by its own name."""
    if isinstance(value, dict):
        return {key: _renamed(child, names) for key, child in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_renamed(child, names) for child in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    kind, colon, rest = value.partition(":")
    return names.get(value) or (f"{kind}:{names[rest]}" if colon and rest in names else value)


@dataclass
class Answers:
    """What the stack answers about everybody in a scenario.

    Attributes:
        profiles: by profile id.
        found: by a scenario's name of an identifier, the ids of the profiles it finds.
        events: track calls by profile id, by name.
    """

    profiles: dict[str, Any] = field(default_factory=dict[str, Any])
    found: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    events: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])


class Theatre:
    """A stack on which scenarios are played one after the other, each with people of its own.

    Who is in a scenario gets a name of its own in every play; placeholders and phone numbers keep theirs, and the stack
    is emptied where two plays would meet in a number.
    """

    def __init__(self, stack: StackClient) -> None:
        self._stack = stack
        self._used: set[str] = set()
        self._plays = 0

    def play(self, scenario: Scenario) -> list[str]:
        """The differences between what is expected and what is answered; none: it holds."""
        self._plays += 1
        values = {name.partition(":")[2] for event in scenario["events"] for name in named_in(event)}
        own_names = {value: f"play{self._plays}-{value}" for value in values if not _keeps(value)}
        scenario = _renamed(scenario, own_names)
        kept = {re.sub("[^0-9]", "", value) for value in values if _is_phone(value)}
        answers = Answers()
        events: Sequence[Mapping[str, Any]] = scenario["events"]
        for workspace in dict.fromkeys(event.get("workspace") for event in events):
            if workspace is not None or kept & self._used:
                self._stack.reset()
                self._used.clear()
            self._used |= kept
            own = [event for event in events if event.get("workspace") == workspace]
            self._send(own)
            names = {name for event in own for name in named_in(event)}
            self._ask(sorted({*names, *expected_names(scenario["expect"])}), answers)
        either = {name for event in events for name in named_in(event) if name.startswith("id:")}
        return list(differences(scenario["expect"], answers, either))

    def _send(self, events: Sequence[Mapping[str, Any]]) -> None:
        start = datetime.fromisoformat(self._stack.now()) - timedelta(seconds=len(events))
        calls: list[Mapping[str, Any]] = []
        for number, event in enumerate(events):
            at = (start + timedelta(seconds=number)).isoformat()
            calls.append({"timestamp": at, "messageId": f"play-{self._plays}-{number}", **event})
        for _, together in groupby(calls, key=lambda call: call.get("concurrent_group") or call["messageId"]):
            group = list(together)
            with ThreadPoolExecutor(len(group)) as threads:
                list(threads.map(self._do, group))
        self._stack.settle()

    def _do(self, call: Mapping[str, Any]) -> None:
        if call["type"] in DELETES:
            self._stack.settle()
            for name in named_in(call):
                for reference in references(name):
                    self._stack.http.delete(f"/v1/profiles/{quote(reference, safe='')}", headers=STAFF)
        elif call["type"] == "merge":
            self._merge(call)
        else:
            self._post(call)
            if call.get("force"):
                self._merge(call)

    def _post(self, call: Mapping[str, Any]) -> None:
        source = call.get("source", "web")
        posted = {key: value for key, value in call.items() if key not in OWN_KEYS}
        self._stack.post(f"/v1/{call['type']}", posted, f"local-{source if source in SOURCES else 'web'}")

    def _merge(self, call: Mapping[str, Any]) -> None:
        self._stack.settle()
        known = [reference for name in named_in(call) for reference in references(name) if self._profile(reference)]
        for other in known[1:]:
            path = f"/v1/profiles/{quote(known[0], safe='')}/links"
            self._stack.staff("PUT", path, {"with": other, "rule": "include"})

    def _profile(self, reference: str) -> dict[str, Any] | None:
        answer = self._stack.http.get(f"/v1/profiles/{quote(reference, safe='')}", headers=STAFF)
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    def _ask(self, names: Iterable[str], answers: Answers) -> None:
        for name in names:
            found = answers.found.setdefault(name, set())
            for reference in references(name):
                profile = self._profile(reference)
                if profile:
                    answers.profiles[profile["profile_id"]] = profile
                    found.add(profile["profile_id"])
        for profile_id in answers.profiles.keys() - answers.events.keys():
            told = [event for event in self._stack.events(f"profile_id:{profile_id}") if event["type"] == "track"]
            answers.events[profile_id] = Counter(event["event"] for event in told)


def differences(expect: Mapping[str, Any], answers: Answers, either: Collection[str] = ()) -> Iterator[str]:
    """Where the answers are not what a scenario expects, in words; `either`: ids that an alias names without a type."""
    count = expect.get("profile_count", len(expect["profiles"]) if "profiles" in expect else None)
    if count is not None and len(answers.profiles) != count:
        yield f"{len(answers.profiles)} profiles instead of {count}"
    for wanted in expect.get("profiles", []):
        yield from _profile_differences(wanted, expect, answers, either)
    for pair in expect.get("separate", []):
        if answers.found[pair[0]] & answers.found[pair[1]]:
            yield f"{pair[0]} and {pair[1]} are together"
    for pair in expect.get("together", []):
        if not answers.found[pair[0]] & answers.found[pair[1]]:
            yield f"{pair[0]} and {pair[1]} are apart"
    for lookup in expect.get("lookup", []):
        yield from _lookup_differences(lookup, answers)
    known = {identifier["value"] for profile in answers.profiles.values() for identifier in profile["identifiers"]}
    for device in expect.get("devices", []):
        yield from (f"device {key} {value} is unknown" for key, value in device.items() if value not in known)
    if "groups" in expect:
        yield "there are no group profiles"


def _lookup_differences(lookup: Mapping[str, Any], answers: Answers) -> Iterator[str]:
    found, wanted = answers.found[lookup["by"]], lookup.get("finds")
    if wanted is None:
        if found:
            yield f"{lookup['by']} finds somebody"
        return
    names = [wanted] if isinstance(wanted, str) else wanted
    for name in names:
        if not any(_has(answers.profiles[profile_id], name) for profile_id in found):
            yield f"{lookup['by']} does not find {name}"


def _has(profile: Mapping[str, Any], name: str) -> bool:
    shown = {f"{one['type']}:{one['value']}" for one in profile["identifiers"]}
    return bool(shown & set(references(name)))


def _profile_differences(
    wanted: Mapping[str, Any], expect: Mapping[str, Any], answers: Answers, either: Collection[str]
) -> Iterator[str]:
    names: list[str] = wanted["identifiers"]
    found = {profile_id for name in names for profile_id in answers.found[name]}
    missing = [name for name in names if not answers.found[name]]
    if missing:
        yield f"{', '.join(missing)} finds nobody"
    if len(found) != 1:
        yield f"{', '.join(names)} find {len(found)} profiles"
        return
    profile_id = found.pop()
    profile = answers.profiles[profile_id]
    yield from _strangers(profile, [*names, *either], expect)
    if "traits" in wanted:
        yield from _trait_differences(wanted["traits"], profile["traits"], wanted, expect)
    if "events" in wanted and Counter(wanted["events"]) != answers.events[profile_id]:
        yield f"events {sorted(answers.events[profile_id].elements())} instead of {sorted(wanted['events'])}"
    for event, count in wanted.get("event_counts", {}).items():
        if answers.events[profile_id][event] != count:
            yield f"{answers.events[profile_id][event]} times {event} instead of {count}"


def _strangers(profile: Mapping[str, Any], names: Sequence[str], expect: Mapping[str, Any]) -> Iterator[str]:
    """Identifiers that a profile has and should not; e-mail counts only where the peer identifies by e-mail."""
    known = {spelt for name in names for reference in references(name) for spelt in _spelling(reference)}
    by_email = any(name.startswith("email:") for name in expected_names(expect))
    for one in profile["identifiers"]:
        if one["type"] == "email" and not by_email:
            continue
        if not _spelling(f"{one['type']}:{one['value']}") & known:
            yield f"{one['type']}:{one['value']} should not be with {', '.join(names)}"


def _spelling(reference: str) -> frozenset[str]:
    """What is the same identifier: of a phone number its last nine digits, of an e-mail address any case."""
    kind, _, value = reference.partition(":")
    if kind == "phone":
        return frozenset({f"phone:{re.sub(r'[^0-9]', '', value)[-9:]}"})
    return frozenset({reference.lower() if kind == "email" else reference})


def _trait_differences(
    wanted: Mapping[str, Any], traits: Mapping[str, Any], profile: Mapping[str, Any], expect: Mapping[str, Any]
) -> Iterator[str]:
    mode = profile.get("traits_mode", expect.get("traits_mode"))
    shown = {key: traits.get(key) for key in wanted} if mode == "subset" else traits
    if shown != wanted:
        yield f"traits {dict(shown)} instead of {dict(wanted)}"
