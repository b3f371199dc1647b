"""Open carts: products added, minus those removed, since the order that took the cart away.

Of all computed traits the only one where an event makes earlier ones void, and may itself arrive before them. So its
state is a log rather than a sum: an entry per event that still matters, and only the moment of each that does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from omnicascade.domain.computed.kinds import Hearing, State, number
from omnicascade.domain.computed.reading import PLACES, Reading
from omnicascade.domain.moments import epoch_ms, iso_ms

if TYPE_CHECKING:
    from omnicascade.domain.event import Event

MOST_ENTRIES: Final = 64
"""Cart events that a state remembers, the latest ones, whatever has become of them."""

WINDOW_MS: Final = 30 * 86_400_000
"""A cart event this much older than the latest one is forgotten (30 days)."""

CART_VIEWS: Final = ("carts",)

_ADDED, _REMOVED, _ORDERED = 0, 1, 2
"""Kinds of entries, in the order in which those of one moment happen."""

type Entry = list[Any]
"""An addition or removal: `[ms, kind, cart, product, quantity, price, currency]`, an order: `[ms, kind, cart]`. An
order that names no cart (``""``) takes all of them away; a removal without a quantity (None) takes the whole line."""


@dataclass(frozen=True, slots=True)
class Carts:
    """What lies in each cart that was not ordered.

    The state is `{"e": entries, "v": moments of void entries, "t": moment}`, each only where there is one. What is
    older than `WINDOW_MS` before the latest entry is forgotten, and so is everything up to `t`: the moment of the entry
    after the latest `MOST_ENTRIES`. Void entries count among them, because on another road they may be void only later.

    Attributes:
        removing, ordering: event names; the others that are heard add a product.
    """

    key: str
    hearing: Hearing
    removing: frozenset[str]
    ordering: frozenset[str]
    cart: Reading
    product: Reading
    quantity: Reading
    price: Reading
    currency: Reading
    shown: tuple[tuple[str, str], ...]

    def add(self, state: State | None, event: Event, at_ms: int) -> State | None:
        """Add the event's entry; an addition or removal that names no product says nothing."""
        if not self.hearing.weight(event):
            return state
        at_ms = min(at_ms, epoch_ms(event.received_at))
        cart = self.cart.text(event) or ""
        if event.name in self.ordering:
            return _together({} if state is None else state, {"e": [[at_ms, _ORDERED, cart]]})
        product, quantity = self.product.text(event), self.quantity.amount(event)
        if product is None:
            return state
        if event.name in self.removing:
            return _together(
                {} if state is None else state, {"e": [[at_ms, _REMOVED, cart, product, quantity, None, ""]]}
            )
        quantity = 10**PLACES if quantity is None else quantity
        price, currency = self.price.amount(event), self.currency.text(event) or ""
        return _together(
            {} if state is None else state, {"e": [[at_ms, _ADDED, cart, product, quantity, price, currency]]}
        )

    def merge(self, left: State, right: State) -> State:
        """Both logs as one."""
        return _together(left, right)

    def show(self, state: State) -> Mapping[str, Any]:
        """Open carts, the one touched last first: `{cart_id, products: [{product, quantity}], value, …}`."""
        carts: dict[str, dict[str, _Line]] = {}
        for entry in state.get("e", ()):
            if entry[1] != _ORDERED:
                _put(carts.setdefault(entry[2], {}), entry)
        shown = [_shown(cart, lines) for cart, lines in carts.items() if any(line.quantity for line in lines.values())]
        shown.sort(key=lambda cart: (cart["updated"], cart["cart_id"] or ""), reverse=True)
        return {trait: shown for trait, _ in self.shown} if shown else {}


def _together(left: State, right: State) -> State:
    if not left:
        return right
    entries = [*left.get("e", ()), *right.get("e", ())]
    void: list[int] = [*left.get("v", ()), *right.get("v", ())]
    known = [*(entry[0] for entry in entries), *void]
    thresholds: list[int] = [state["t"] for state in (left, right) if "t" in state]
    if len(known) > MOST_ENTRIES:
        thresholds.append(sorted(known, reverse=True)[MOST_ENTRIES])
    window = max(*known, *thresholds, _NEVER) - WINDOW_MS
    forgotten = max([window, *thresholds])
    live = [entry for entry in _live(entries, void) if entry[0] > forgotten]
    moments = sorted(moment for moment in void if moment > forgotten)
    kept: State = {"t": forgotten} if forgotten > window else {}
    if live:
        kept["e"] = sorted(live, key=_order) if len(live) > 1 else live
    if moments:
        kept["v"] = moments
    return kept


_NEVER: Final = -(10**15)


def _order(entry: Entry) -> tuple[Any, ...]:
    return tuple((value is None, value) for value in entry)


def _live(entries: Sequence[Entry], void: list[int]) -> Iterator[Entry]:
    """Entries that no order of their cart comes after; the moments of the others are put to `void`."""
    ordered: dict[str, int] = {}
    for entry in entries:
        if entry[1] == _ORDERED:
            ordered[entry[2]] = max(entry[0], ordered.get(entry[2], entry[0]))
    of_all = ordered.get("")
    standing: set[str] = set()
    for entry in entries:
        cart, moments = cast("str", entry[2]), [ordered.get(entry[2]), of_all]
        last = max((moment for moment in moments if moment is not None), default=None)
        if last is None or last < entry[0]:
            yield entry
        elif entry[1] == _ORDERED and entry[0] == last and cart not in standing and (cart == "" or of_all != last):
            standing.add(cart)
            yield entry
        else:
            void.append(entry[0])


@dataclass(slots=True)
class _Line:
    quantity: int
    price: int | None
    currency: str
    since: int
    updated: int


def _put(lines: dict[str, _Line], entry: Entry) -> None:
    at_ms, kind, _, product, quantity, price, currency = entry
    line = lines.setdefault(product, _Line(0, None, "", at_ms, at_ms))
    line.updated = at_ms
    if kind == _ADDED:
        line.since = at_ms if not line.quantity else line.since
        line.quantity += max(quantity, 0)
        if price is not None:
            line.price, line.currency = price, currency
    else:
        line.quantity = 0 if quantity is None else max(line.quantity - abs(quantity), 0)


def _shown(cart: str, lines: Mapping[str, _Line]) -> dict[str, Any]:
    filled = {product: line for product, line in lines.items() if line.quantity}
    value: dict[str, int] = {}
    for line in filled.values():
        if line.price is not None:
            value[line.currency] = value.get(line.currency, 0) + line.price * line.quantity // 10**PLACES
    return {
        "cart_id": cart or None,
        "products": [
            {"product": product, "quantity": number(line.quantity)} for product, line in sorted(filled.items())
        ],
        "value": {currency: number(amount) for currency, amount in sorted(value.items())},
        "since": iso_ms(min(line.since for line in filled.values())),
        "updated": iso_ms(max(line.updated for line in lines.values())),
    }
