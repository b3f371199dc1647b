"""The words of the condition language: subjects, what may stand beside each, and what each is compared with.

Exists so that the reader, the judge, the schema and whoever decides what may be asked where share one list.
"""

from collections.abc import Mapping
from typing import Final

SUBJECTS: Final = ("trait", "event", "did", "segment", "consent", "reachable", "step", "now")
"""Everything that can be asked within a run: exits, `if`, branches, and what a run waits for."""

ENTRY_SUBJECTS: Final = ("trait", "event", "did", "segment", "consent", "reachable", "now")
"""What can be asked before there is a run."""

SEGMENT_SUBJECTS: Final = ("trait", "did", "segment", "consent", "reachable", "now")
"""What can be asked of a customer alone, without an event at hand."""

EVENT_SUBJECTS: Final = ("event",)
"""What can be asked of an arriving event: `where` of exits, goals, `did` and `wait_for`."""

COMBINATORS: Final = ("all", "any", "not")

QUALIFIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "trait": ("for",),
    "did": ("where", "within", "count", "since_start", "match"),
    "now": ("zone", "days"),
}
"""What may stand beside a subject besides an operator."""

WITHOUT_OPERATOR: Final = ("did", "now")
OPERATOR_MAY_LACK: Final = ("reachable", "segment")
"""Left out, they mean `is: true`."""

COMPUTED: Final = "computed."
"""Leads to a computed trait, as a customer's profile shows them."""

STEP_STATES: Final = ("sent", "skipped", "delivered", "opened", "clicked", "answered", "failed")
CONSENT_STATES: Final = ("granted", "denied")
YES_NO: Final = (True, False)

CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "consent": CONSENT_STATES,
    "step": STEP_STATES,
    "reachable": YES_NO,
    "segment": YES_NO,
}
"""Subjects that have few values, which are compared by the operators of `MEMBERSHIP` only."""

MEMBERSHIP: Final = ("is", "is_not", "in", "not_in")

COUNT_OPERATORS: Final[Mapping[str, str]] = {
    "gte": "at least",
    "gt": "more than",
    "lte": "at most",
    "lt": "less than",
    "is": "exactly",
    "is_not": "other than",
    "in": "one of",
    "not_in": "none of",
}
"""How the number of a `did` is compared, with the words of its reason."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Python's weekdays: Monday is 0."""

OWN_ZONES: Final = ("recipient", "recipient-only")

DEEPEST: Final = 20
"""Conditions nested deeper than this are refused, so that judging one never exhausts the stack."""

MOST_TESTS: Final = 100
"""More tests in one condition are refused, so that judging one, and finding when it turns, has a bound."""
