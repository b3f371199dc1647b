"""What a deployment limits, as a platform team writes it: frequency caps, and the hosts that journeys may call.

Exists apart from the other settings because these are checked like an author's words, with a path and a remedy each.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.reading_parts import read_length
from omnicascade.domain.deployment import Cap, Channel
from omnicascade.domain.durations import spell
from omnicascade.domain.errors import Problem, UnacceptableError

_CAP_KEYS: Final = ("messages", "per", "channel", "transactional")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


def caps_from(values: object) -> tuple[Cap, ...]:
    """Read `[{messages: 5, per: 24h}, {messages: 2, per: 7d, channel: sms}]`.

    Raises:
        UnacceptableError: `problems` lists everything that is wrong, each with its path from `caps`.
    """
    problems: list[Problem] = []
    caps = [_cap(cap, f"caps.{n}", problems) for n, cap in enumerate(_listed(values, "caps"))]
    if problems:
        raise UnacceptableError(f"{problems[0].path}: {problems[0].message}", problems=problems)
    return tuple(cap for cap in caps if cap)


def hosts_from(values: object) -> frozenset[str]:
    """Read `["hooks.example.com"]`: exact names, in small letters, without scheme, port or path.

    Raises:
        UnacceptableError: `problems` lists everything that is none, each with its path from `webhook_hosts`.
    """
    problems: list[Problem] = []
    hosts = set[str]()
    for n, host in enumerate(_listed(values, "webhook_hosts")):
        if isinstance(host, str) and _HOST.fullmatch(host) and not host.replace(".", "").isdigit():
            hosts.add(host)
        else:
            message = f"expected a host's name such as hooks.example.com, not {show(host)}"
            problems.append(Problem(f"webhook_hosts.{n}", "host", message))
    if problems:
        raise UnacceptableError(f"{problems[0].path}: {problems[0].message}", problems=problems)
    return frozenset(hosts)


def cap_to_json(cap: Cap) -> dict[str, Any]:
    """A cap as `caps_from` reads it."""
    return {
        "messages": cap.messages,
        "per": spell(cap.per),
        "channel": cap.channel and str(cap.channel),
        "transactional": cap.transactional,
    }


def _listed(values: object, name: str) -> list[object]:
    if isinstance(values, list | tuple):
        return list(cast("list[object]", values))
    message = f"expected a list, not {show(values)}"
    raise UnacceptableError(f"{name}: {message}", problems=[Problem(name, "list", message)])


def _cap(value: object, path: str, problems: list[Problem]) -> Cap | None:
    before = len(problems)
    if not isinstance(value, Mapping):
        problems.append(
            Problem(path, "cap", f"expected a mapping such as {{messages: 5, per: 24h}}, not {show(value)}")
        )
        return None
    entries = cast("Mapping[str, object]", value)
    for name in entries:
        if name not in _CAP_KEYS:
            message = f"{name!r} is not known here (known: {', '.join(_CAP_KEYS)})"
            problems.append(Problem(f"{path}.{name}", "unknown_name", message))
    messages, per = entries.get("messages"), _window(entries.get("per"), path, problems)
    if isinstance(messages, bool) or not isinstance(messages, int) or messages < 1:
        problems.append(
            Problem(f"{path}.messages", "number", f"expected a whole number of at least 1, not {show(messages)}")
        )
    channel, transactional = entries.get("channel"), entries.get("transactional", False)
    if channel is not None and channel not in list(Channel):
        known = ", ".join(Channel)
        problems.append(Problem(f"{path}.channel", "unknown_name", f"{show(channel)} is no channel (known: {known})"))
    if not isinstance(transactional, bool):
        problems.append(Problem(f"{path}.transactional", "type", f"expected true or false, not {show(transactional)}"))
    if len(problems) > before or per is None:
        return None
    return Cap(cast("int", messages), per, Channel(str(channel)) if channel else None, bool(transactional))


def _window(value: object, path: str, problems: list[Problem]) -> timedelta | None:
    try:
        return read_length(value)
    except ValueError as error:
        problems.append(Problem(f"{path}.per", "duration", str(error)))
        return None
