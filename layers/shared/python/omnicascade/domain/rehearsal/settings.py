"""The deployment a rehearsal plays in: the real one's settings, with those that the rehearsal names instead.

Exists because a rehearsal must not depend on what else the deployment sends: its frequency caps do not apply unless the
rehearsal gives them.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import DecimalException
from typing import Any, Final, cast

from omnicascade.domain.conditions.reading import nearest, read_condition
from omnicascade.domain.deployment import Deployment, Topic
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import InvalidInputError, Problem
from omnicascade.domain.rehearsal.reading import CHANNELS, refusal, unknown_keys
from omnicascade.domain.segments import Segment

_WORDS: Final = {"on": True, "off": False}
_PLAIN: Final = ("prices", "default_currency", "default_zone", "caps", "webhook_hosts", "computed", "channels_off")
"""Settings written as the deployment's own configuration writes them."""

CONFIG_KEYS: Final = ("topics", "channels", "segments", *_PLAIN)


def overridden(deployment: Deployment, config: object) -> Deployment:
    """The settings a rehearsal goes by.

    Args:
        deployment: the real one.
        config: `topics` and `segments` add to the real ones; `channels: {sms: off}` switches; others replace.

    Raises:
        UnacceptableError: `problems` lists everything that is not understood, with paths that begin with `config`.
    """
    real = replace(deployment, caps=())
    if config is None:
        return real
    if not isinstance(config, Mapping):
        raise refusal([Problem("config", "wrong_type", f"expected a mapping, not {config!r}")])
    given = cast("Mapping[str, Any]", config)
    problems = unknown_keys(given, CONFIG_KEYS, "config")
    changed = _plain(real, given, problems)
    changed = replace(
        changed,
        topics={**real.topics, **_topics(given, problems)},
        channels_off=_channels(changed, given, problems),
        segments={**real.segments, **_segments(given, problems)},
    )
    if problems:
        raise refusal(problems)
    return changed


def _plain(real: Deployment, given: Mapping[str, Any], problems: list[Problem]) -> Deployment:
    for name in _PLAIN:
        if name not in given or name not in {part.name for part in fields(Deployment)}:
            continue
        try:
            read = deployment_from({name: given[name]})
        except InvalidInputError as error:
            nested = error.problems or (Problem(error.path or "", error.code, error.message),)
            problems += [replace(problem, path=f"config.{problem.path or name}") for problem in nested]
        except (KeyError, TypeError, ValueError, AttributeError, DecimalException):
            problems.append(Problem(f"config.{name}", "invalid", f"{given[name]!r} is not understood as {name}"))
        else:
            real = replace(real, **{name: getattr(read, name)})
    return real


def _topics(given: Mapping[str, Any], problems: list[Problem]) -> dict[str, Topic]:
    topics: dict[str, Topic] = {}
    for name, word in _part(given, "topics", problems).items():
        if word in list(Topic):
            topics[name] = Topic(word)
        else:
            known = nearest(str(word), [topic.value for topic in Topic])
            problems.append(Problem(f"config.topics.{name}", "unknown_name", f"{word!r} is no default{known}"))
    return topics


def _channels(real: Deployment, given: Mapping[str, Any], problems: list[Problem]) -> frozenset[str]:
    off = set(real.channels_off)
    for name, word in _part(given, "channels", problems).items():
        path = f"config.channels.{name}"
        on = word if isinstance(word, bool) else _WORDS.get(word) if isinstance(word, str) else None
        if name not in CHANNELS:
            problems.append(Problem(path, "unknown_name", f"{name!r} is no channel{nearest(name, CHANNELS)}"))
        elif on is None:
            problems.append(Problem(path, "invalid", f"expected on or off, not {word!r}"))
        elif on:
            off.discard(name)
        else:
            off.add(name)
    return frozenset(off)


def _segments(given: Mapping[str, Any], problems: list[Problem]) -> dict[str, Segment]:
    """By name: a condition, or a segment's definition with its condition under `when`."""
    segments: dict[str, Segment] = {}
    for name, said in _part(given, "segments", problems).items():
        written: object = said
        if isinstance(said, Mapping) and "when" in said:
            written = cast("Mapping[str, object]", said)["when"]
        condition, wrong = read_condition(written)
        problems += [replace(p, path=f"config.segments.{name}.{p.path}".rstrip(".")) for p in wrong]
        if condition is not None:
            segments[name] = Segment(name, condition)
    return segments


def _part(given: Mapping[str, Any], name: str, problems: list[Problem]) -> Mapping[str, Any]:
    part = given.get(name)
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        problems.append(Problem(f"config.{name}", "wrong_type", f"expected a mapping, not {part!r}"))
        return {}
    return cast("Mapping[str, Any]", part)
