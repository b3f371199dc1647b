"""Reasons told apart by kind, so that a thousand customers' reasons make a table of a few lines.

Exists because the engine's reasons are about one customer: they name moments, sources and numbers.
"""

import re
from typing import Final

from omnicascade.domain.deployment import Channel
from omnicascade.domain.journeys.run import Decision

_KINDS: Final = (
    (re.compile(r"^no \w+ address known"), "no address"),
    (re.compile(r"suppressed: "), "address suppressed"),
    (re.compile(r"is switched off in this deployment"), "channel switched off"),
    (re.compile(r"^topic .* is opt-in|denied by "), "no consent"),
    (re.compile(r"within .*, the last at "), "frequency cap"),
    (re.compile(r"^dropped in quiet hours"), "quiet hours"),
    (re.compile(r"longer ago than the deadline"), "past the deadline"),
    (re.compile(r"this step has already used this channel"), "already used by the step"),
    (re.compile(r"no address for "), "no address at the step's path"),
    (re.compile(r"^the offer"), "offer is over"),
    (re.compile(r"still live"), "a run of theirs is live"),
    (re.compile(r"re-entry is never"), "entered before, and re-entry is never"),
    (re.compile(r"^entered \d+ times"), "entered as often as re-entry allows"),
    (re.compile(r"^last entered at "), "entered too recently"),
)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+")
_LONGEST: Final = 100


def kind_of(reason: str) -> str:
    """What sort of reason this is; one that is no known sort stands for itself, without its moments."""
    for pattern, kind in _KINDS:
        if pattern.search(reason):
            return kind
    return _MOMENT.sub("…", reason)[:_LONGEST]


def told(decision: Decision) -> tuple[str, str]:
    """The channel that a decision is about, empty where none, and its reason."""
    lead, colon, rest = decision.reason.partition(": ")
    return (lead, rest) if colon and lead in list(Channel) else ("", decision.reason)
