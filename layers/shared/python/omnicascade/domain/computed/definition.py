"""Definitions of computed traits as a team writes them: plain JSON values, read strictly, every fault with its path.

    {"name": "rides", "kind": "tally", "events": ["Ride Finished"], "value": "properties.km", "by": "properties.city",
     "show": {"rides": "count", "km_by_city": "sums"}}

`events` names what is heard, as a list or with a weight for each; `*` hears everything. `unless` and `not_from` leave
some out. `by`, `value` and the like are a dotted path below `properties`, `context` or `traits`, or several, the first
readable of which counts; `by` may also be one of the words of `reading.WORDS`. `show` names the computed
traits and what each shows: `kinds.TALLY_VIEWS`, `DECAYED_VIEWS`, `LATEST_VIEWS`, `cart.CART_VIEWS`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from omnicascade.domain.computed.cart import CART_VIEWS, Carts
from omnicascade.domain.computed.kinds import (
    DECAYED_VIEWS,
    LATEST_VIEWS,
    TALLY_FIELDS,
    TALLY_VIEWS,
    Decayed,
    Hearing,
    Kind,
    Latest,
    Tally,
)
from omnicascade.domain.computed.reading import ROOTS, WORDS, Reading, zone_named
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.durations import parse_duration
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.json_text import mapping

MOST_DEFINITIONS: Final = 50
MOST_WEIGHT: Final = 1_000
SHORTEST_HALF_LIFE: Final = 3_600_000
"""One hour: the states of shorter ones would tell seconds apart, which no clock of a client does."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEARING: Final = ("name", "kind", "events", "unless", "not_from", "show")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "tally": ("value", "by", "zone"),
    "decayed": ("by", "half_life"),
    "latest": ("value",),
    "carts": ("removing", "ordering", "cart", "product", "quantity", "price"),
}
"""Fields of each kind besides those of all."""


def computed_from(definitions: object) -> ComputedTraits:
    """Read definitions.

    Raises:
        UnacceptableError: lists everything that is wrong, with the path and the nearest known name.
    """
    problems: list[Problem] = []
    if not isinstance(definitions, list | tuple) or len(cast("Sequence[object]", definitions)) > MOST_DEFINITIONS:
        problems.append(
            Problem("", "bad_type", f"computed traits are a list of at most {MOST_DEFINITIONS} definitions")
        )
        definitions = ()
    listed = cast("Sequence[object]", definitions)
    kinds = [_Reader(mapping(one), f"{place}", problems).kind() for place, one in enumerate(listed)]
    for what, names in (
        ("definition", [mapping(one).get("name") for one in listed]),
        ("computed trait", [str(trait) for one in listed for trait in mapping(mapping(one).get("show"))]),
    ):
        doubled = sorted({str(name) for name in names if names.count(cast("Any", name)) > 1})
        problems += [Problem("", "doubled", f"two definitions have a {what} {name!r}") for name in doubled]
    if problems:
        wrong = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise UnacceptableError(f"computed traits: {wrong}", problems=problems)
    return ComputedTraits(tuple(kind for kind in kinds if kind))


@dataclass(slots=True)
class _Reader:
    """Walks one definition and collects what is wrong with it."""

    values: Mapping[str, Any]
    path: str
    problems: list[Problem]
    sound: bool = field(default=True)

    def wrong(self, where: str, code: str, message: str) -> None:
        self.sound = False
        self.problems.append(Problem(f"{self.path}.{where}" if where else self.path, code, message))

    def kind(self) -> Kind | None:
        """The definition at work, or None when something is wrong with it."""
        kind = self.values.get("kind")
        if not isinstance(kind, str) or kind not in _FIELDS:
            self.wrong("kind", "unknown_kind", f"expected a kind{nearest(kind, _FIELDS)}")
            return None
        allowed = (*_HEARING, *_FIELDS[kind])
        for name in self.values:
            if name not in allowed:
                self.wrong(name, "unknown_field", f"a {kind} has no such field{nearest(name, allowed)}")
        name = self.values.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.wrong("name", "bad_name", "expected lower-case letters, digits and `_`, 40 at most")
        read = {"tally": self.tally, "decayed": self.decayed, "latest": self.latest, "carts": self.carts}[kind]
        done = read()
        return done if self.sound else None

    def tally(self) -> Tally:
        by, value = self.reading("by", words=True), self.reading("value")
        shown = self.shown(TALLY_VIEWS)
        for trait, view in shown:
            if by is None and (view == "most" or view.endswith("s")):
                self.wrong(f"show.{trait}", "needs_by", f"`{view}` needs `by`")
            if value is None and "sum" in TALLY_VIEWS[view]:
                self.wrong(f"show.{trait}", "needs_value", f"`{view}` needs `value`")
        needed = {name for _, view in shown for name in TALLY_VIEWS[view]}
        fields = tuple(name for name in TALLY_FIELDS if name in needed)
        return Tally(self.key(fields), self.hearing(negative=True), by, value, shown, fields)

    def decayed(self) -> Decayed:
        by = self.required(self.reading("by", words=True), "by")
        half_life = SHORTEST_HALF_LIFE
        try:
            half_life = round(parse_duration(str(self.values.get("half_life"))).total_seconds() * 1000)
            if half_life < SHORTEST_HALF_LIFE:
                self.wrong("half_life", "too_short", "a half-life is at least 1h")
        except ValueError as error:
            self.wrong("half_life", "bad_duration", str(error))
        return Decayed(self.key(), self.hearing(), by, max(half_life, 1), self.shown(DECAYED_VIEWS))

    def latest(self) -> Latest:
        value = self.required(self.reading("value"), "value")
        return Latest(self.key(), self.hearing(), value, self.shown(LATEST_VIEWS))

    def carts(self) -> Carts:
        removing, ordering = self.names("removing"), self.names("ordering")
        heard = self.hearing(also=(*removing, *ordering))
        return Carts(
            self.key(),
            heard,
            frozenset(removing),
            frozenset(ordering),
            cart=self.reading("cart") or Reading(),
            product=self.required(self.reading("product"), "product"),
            quantity=self.reading("quantity") or Reading(),
            price=self.reading("price") or Reading(),
            currency=Reading("currency"),
            shown=self.shown(CART_VIEWS),
        )

    def key(self, fields: Collection[str] = ()) -> str:
        meaning = {name: value for name, value in self.values.items() if name not in ("name", "show")}
        text = json.dumps([meaning, sorted(fields)], sort_keys=True, default=str)
        return f"{self.values.get('name')}~{hashlib.sha256(text.encode()).hexdigest()[:6]}"

    def hearing(self, *, negative: bool = False, also: Sequence[str] = ()) -> Hearing:
        events = self.values.get("events")
        if isinstance(events, Mapping):
            weights = dict(cast("Mapping[str, object]", events))
        else:
            weights = dict[str, object].fromkeys(self.names("events"), 1)
        if not events:
            self.wrong("events", "missing", "expected the names of the events that count")
        for name, weight in weights.items():
            least = -MOST_WEIGHT if negative else 1
            if (
                isinstance(weight, bool)
                or not isinstance(weight, int)
                or not least <= weight <= MOST_WEIGHT
                or not weight
            ):
                self.wrong(f"events.{name}", "bad_weight", f"a weight is a whole number from {least} to {MOST_WEIGHT}")
        heard = cast("Mapping[str, int]", {**dict.fromkeys(also, 1), **weights})
        return Hearing(heard, self.reading("unless"), frozenset(self.names("not_from")))

    def names(self, field_name: str) -> Sequence[str]:
        names = self.values.get(field_name, ())
        listed = [names] if isinstance(names, str) else names
        if isinstance(listed, list | tuple):
            texts = [name for name in cast("Sequence[object]", listed) if isinstance(name, str) and name]
            if len(texts) == len(cast("Sequence[object]", listed)):
                return texts
        self.wrong(field_name, "bad_type", "expected a list of names")
        return ()

    def reading(self, field_name: str, *, words: bool = False) -> Reading | None:
        paths = self.names(field_name)
        zone = self.values.get("zone", "UTC")
        if not isinstance(zone, str) or zone_named(zone) is None:
            self.wrong("zone", "bad_zone", "expected an IANA name, such as Europe/Warsaw")
            zone = "UTC"
        if words and len(paths) == 1 and paths[0] in WORDS:
            return Reading(word=paths[0], zone=zone)
        for path in paths:
            root, *names = path.split(".")
            if root not in ROOTS or not names or not all(names):
                known = (*WORDS, *(f"{root}.…" for root in ROOTS)) if words else [f"{root}.…" for root in ROOTS]
                self.wrong(
                    field_name, "bad_path", f"{path!r} is no path below {' or '.join(ROOTS)}{nearest(path, known)}"
                )
        return Reading(paths=tuple(tuple(path.split(".")) for path in paths)) if paths else None

    def required(self, reading: Reading | None, field_name: str) -> Reading:
        if reading is None:
            self.wrong(field_name, "missing", "is missing")
        return reading or Reading()

    def shown(self, views: Collection[str]) -> tuple[tuple[str, str], ...]:
        shown = mapping(self.values.get("show"))
        if not shown:
            self.wrong("show", "missing", "expected {computed trait: what it shows}")
        known: list[tuple[str, str]] = []
        for trait, view in shown.items():
            if not _NAME.fullmatch(trait):
                self.wrong(f"show.{trait}", "bad_name", "expected lower-case letters, digits and `_`, 40 at most")
            if isinstance(view, str) and view in views:
                known.append((trait, view))
            else:
                self.wrong(f"show.{trait}", "unknown_view", f"{view!r} cannot be shown{nearest(view, views)}")
        return tuple(known)


def nearest(name: object, known: Collection[str]) -> str:
    """` (did you mean X?)`, or the list of known names when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only authors' mistakes need it, not a cold start

    close = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"
