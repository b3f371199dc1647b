"""What a deployment decides about identity: strength, limits, blocked values, caps and trust, as frozen values.

Semantics are Segment Unify's (docs, "Identity resolution settings", "Product limits"): each identifier type has a
priority and a limit with a window; a proposal that would break a limit is refused, weakest identifiers first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final

PRIORITIES: Final = ("user_id", "email", "phone")
"""Strongest first; a type not named here ranks below them, and `WEAK` types rank last (Segment Unify's order)."""

PUSH_TOKEN_TYPES: Final = ("ios.push_token", "android.push_token")
USER: Final = "user_id"
ANONYMOUS: Final = "anonymous_id"
SESSION: Final = "session_id"
"""One session on a shared device: `<source>/<anonymous id>/<context.sessionId>`."""

WEAK: Final = ("ios.id", "android.id", "ios.idfa", "android.idfa", *PUSH_TOKEN_TYPES, ANONYMOUS, SESSION)

DEVICE_SCOPED: Final = frozenset(WEAK)
"""Types that name a device rather than a person: on a shared device they identify nobody beyond one session."""

BLOCKED_VALUES: Final = frozenset(
    {
        "",
        "null",
        "none",
        "undefined",
        "nan",
        "true",
        "false",
        "[]",
        "{}",
        "[object object]",
        "anonymous",
        "anonymousid",
        "distinct_id",
        "distinctid",
        "guest",
        "id",
        "email",
        "not_authenticated",
        "-1",
    }
)
"""Placeholders that client bugs send as identifiers. Source: Segment Unify's blocked values and PostHog's illegal
distinct ids (plugin-server `person-state`), united, compared without case and quotes."""

BLOCKED_PATTERN: Final = re.compile(r"[0-]*")
"""Segment Unify's blocked pattern `^[0-]*$`: zeros and dashes only."""


class Trust(IntEnum):
    """How far a source is believed about who is who: proposals of a more trusted one are considered first.

    A phone number that a call-centre agent typed (`LOW`) therefore never keeps it from the customer who logs in with
    it, whichever was said first.
    """

    HIGH = 0
    NORMAL = 1
    LOW = 2


def bare_value(value: str) -> str:
    """A value as blocked ones are compared: without quotes around it, in lower case."""
    return value.strip().strip("\"'").strip().lower()


@dataclass(frozen=True, slots=True)
class Limit:
    """Identifiers of one type that one customer may have.

    Attributes:
        most: how many.
        window: how long ago an identifier must have been first seen not to count any more; None: it counts for ever.
    """

    most: int
    window: timedelta | None = None


DEFAULT_LIMITS: Final[Mapping[str, Limit]] = {
    "user_id": Limit(1),
    ANONYMOUS: Limit(100),
    SESSION: Limit(100),
    **dict.fromkeys(PUSH_TOKEN_TYPES, Limit(10)),
}


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The rules of one deployment.

    Attributes:
        priorities: types that name a person, strongest first; others rank below them by name, `WEAK` ones last.
        limits: by type, where it differs from `default_limit`.
        blocked_values: lower-case placeholders besides `BLOCKED_VALUES`.
        blocked_patterns: values that match one as a whole identify nobody, besides `BLOCKED_PATTERN`.
        max_merges: how often customers that existed may have been joined into one (Segment Unify: 100).
        max_identifiers: identifiers of one customer (Segment Unify: 1,000). An identifier that was named with more
            others than this identifies nobody: it is a placeholder nobody has blocked yet.
        trust: by source name, where it is not `NORMAL`.
    """

    priorities: tuple[str, ...] = PRIORITIES
    limits: Mapping[str, Limit] = field(default_factory=lambda: DEFAULT_LIMITS)
    default_limit: Limit = Limit(5)
    blocked_values: frozenset[str] = frozenset()
    blocked_patterns: tuple[re.Pattern[str], ...] = ()
    max_merges: int = 100
    max_identifiers: int = 1_000
    trust: Mapping[str, Trust] = field(default_factory=dict[str, Trust])

    def limit_of(self, kind: str) -> Limit:
        """How many identifiers of a type a customer may have."""
        return self.limits.get(kind, self.default_limit)

    def trust_of(self, source: str) -> Trust:
        """How far a source is believed."""
        return self.trust.get(source, Trust.NORMAL)

    def strength(self, kind: str) -> tuple[int, str]:
        """Sort key of an identifier type: smaller is stronger."""
        return _strength(self.priorities, kind)

    @property
    def blocks_more(self) -> bool:
        """Whether the deployment blocks anything besides the product's placeholders."""
        return bool(self.blocked_values or self.blocked_patterns)

    def blocks(self, value: str) -> bool:
        """Whether a value is a known placeholder and must identify nobody."""
        bare = bare_value(value)
        if bare in BLOCKED_VALUES or bare in self.blocked_values or BLOCKED_PATTERN.fullmatch(bare):
            return True
        return any(pattern.fullmatch(bare) for pattern in self.blocked_patterns)

    def period(self, kinds: tuple[str, str], at: datetime) -> int:
        """The number of the window that a moment lies in, for two types; 0 where neither limit has a window.

        A proposal is kept once per period: what a full window refuses may hold in a later one.
        """
        windows = [w for kind in kinds if (w := self.limit_of(kind).window)]
        return int(at.timestamp() // min(windows).total_seconds()) if windows else 0


@lru_cache(maxsize=1024)
def _strength(priorities: tuple[str, ...], kind: str) -> tuple[int, str]:
    if kind in priorities:
        return (priorities.index(kind), kind)
    return (len(priorities) + (1 + WEAK.index(kind) if kind in WEAK else 0), kind)


DEFAULT_RULES: Final = IdentityRules()
