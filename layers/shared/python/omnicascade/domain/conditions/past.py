"""What a customer's history says: how often they did something, and since when a trait has been what it is.

Exists because two ask for it: the judge for an answer now, and `turning` for the moment at which the answer changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from omnicascade.domain.conditions.comparisons import OPERATORS, key_text, show
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, Not, Test
from omnicascade.domain.conditions.grammar import COMPUTED, COUNT_OPERATORS
from omnicascade.domain.durations import spell
from omnicascade.domain.event import Event, at_path
from omnicascade.domain.json_text import mapping

if TYPE_CHECKING:
    from omnicascade.domain.conditions.facts import Facts
    from omnicascade.domain.profile import Profile


def happened(event: Event) -> datetime:
    """When an event happened; not after it arrived, whatever the clock of its device says."""
    return min(event.timestamp, event.received_at)


def fits(where: Condition, body: Mapping[str, Any]) -> bool:
    """Whether a condition holds for an event alone: nothing but the event's own values is looked at.

    Without reasons, because it is asked of each event of a history; `judge` says the same.
    """
    match where:
        case Test("event", path):
            return OPERATORS[where.operator](at_path(body, path), where.operand)[0]
        case All(parts):
            return all(fits(part, body) for part in parts)
        case AnyOf(parts):
            return any(fits(part, body) for part in parts)
        case Not(part):
            return not fits(part, body)
        case _:
            return False


def matching(did: Did, facts: Facts) -> list[datetime]:
    """When the events happened that count for a test if time is left aside (`within`), in no order.

    Args:
        did: whose event, `where`, `since_start` and `match` are asked; nothing counts since a start that is not known.
        facts: the customer's history, the start and the key of their run.
    """
    since, key = facts.started_at, facts.key if did.match is not None else None
    if did.since_start and since is None:
        return []
    moments: list[datetime] = []
    for event in facts.history.get(did.event, ()):
        if did.since_start and since is not None and event.timestamp < since:
            continue
        if key is not None and key_text(at_path(event.body, did.match or "")) != key:
            continue
        if did.where is None or fits(did.where, event.body):
            moments.append(happened(event))
    return moments


def compares(did: Did, count: int) -> bool:
    """Whether a number of events is what a test asks for."""
    return OPERATORS[did.operator](count, did.operand)[0]


def how_often(did: Did, facts: Facts) -> tuple[bool, str]:
    """Whether the customer did something as often as asked, and how often they did."""
    if did.since_start and facts.started_at is None:
        return False, f"{did.event} since the run began: there is no run"
    if did.within is not None and facts.now is None:
        return False, f"{did.event} within {spell(did.within)}: the time is not known"
    moments = matching(did, facts)
    if did.within is not None and facts.now is not None:
        first = facts.now - did.within
        moments = [moment for moment in moments if moment > first]
    count = len(moments)
    holds = compares(did, count)
    wanted = f"{'' if holds else 'not '}{COUNT_OPERATORS[did.operator]} {_listed(did.operand)}"
    return holds, f"{count} {did.event}{_scope(did, facts)}, {wanted}"


def _scope(did: Did, facts: Facts) -> str:
    """What narrows the count, in words."""
    return "".join(
        (
            " of that kind" if did.where is not None else "",
            f" within {spell(did.within)}" if did.within is not None else "",
            " since the run began" if did.since_start else "",
            f" with {did.match} {facts.key}" if did.match is not None and facts.key is not None else "",
        )
    )


def _listed(operand: object) -> str:
    return ", ".join(map(show, cast("list[object]", operand))) if isinstance(operand, list) else show(operand)


def value_of(profile: Profile, path: str) -> object:
    """A trait by its dotted path; `computed.x` is the computed trait x, and so is `x` where no trait has this name."""
    if path.startswith(COMPUTED):
        value = at_path(profile.computed, path.removeprefix(COMPUTED))
        if value is not None:
            return value
    value = at_path(profile.traits, path)
    return at_path(profile.computed, path) if value is None and profile.computed else value


def unchanged(test: Test, facts: Facts, reason: str) -> tuple[bool, str]:
    """Whether a trait's test, which holds now, has held for as long as asked."""
    since = since_when(test, facts)
    if since is None:
        return False, f"{reason}, but since when is not known"
    if facts.now is None or test.unchanged_for is None:
        return False, f"{reason}, but the time is not known"
    holds = facts.now - since >= test.unchanged_for
    asked = f"{'' if holds else 'not yet '}for {spell(test.unchanged_for)}"
    return holds, f"{reason}, since {since.isoformat(timespec='seconds')}, {asked}"


def since_when(test: Test, facts: Facts) -> datetime | None:
    """Since when a trait's test, which holds now, has held without a break; None where nothing tells.

    The newest unbroken run of identify calls that say so, by event time; calls that do not speak of the trait neither
    break it nor belong to it. Where the newest call of the history says something else (the trait was told in another
    way since), or none speaks of it: when the word was said that stands.
    """
    holds, since = OPERATORS[test.operator], None
    calls = sorted(facts.history.get("identify", ()), key=lambda event: (event.timestamp, event.message_id))
    for event in reversed(calls):
        said = _spoken(event, test.argument)
        if said is None:
            continue
        if not holds(said[0], test.operand)[0]:
            break
        since = happened(event) if since is None else min(since, happened(event))
    return since or _stated(facts.profile, test.argument)


def _spoken(event: Event, path: str) -> tuple[object] | None:
    """What a call says of a trait: in its own traits, which count first, or in its context's."""
    own = _said(mapping(event.body.get("traits")), path)
    return own or _said(mapping(event.context.get("traits")), path)


def _said(traits: Mapping[str, object], path: str) -> tuple[object] | None:
    """What a call says of a trait; None where it does not speak of it."""
    value: object = traits
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return (None,)  # the trait's parent was replaced by something else
        inner = mapping(cast("object", value))
        if part not in inner:
            return None
        value = inner[part]
    return (value,)


def _stated(profile: Profile | None, path: str) -> datetime | None:
    """When the word was said that stands; of an object, the latest within it."""
    if profile is None:
        return None
    pointer = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path.split("."))
    sources = profile.trait_sources
    if pointer in sources:
        return sources[pointer].at
    return max((source.at for inner, source in sources.items() if inner.startswith(f"{pointer}/")), default=None)
