"""Computed traits: the same events compute the same whatever their order, batches and partitions, and compute right."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.computed import cart as open_carts
from omnicascade.domain.computed import kinds
from omnicascade.domain.computed.definition import computed_from
from omnicascade.domain.computed.reading import millionths
from omnicascade.domain.computed.shipped import SHIPPED, SHIPPED_DEFINITIONS
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.joining import join
from omnicascade.domain.moments import epoch_ms, from_ms, iso_ms
from omnicascade.domain.projection import Projection
from omnicascade.domain.projection_json import dump_projection, load_projection

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
ANN, MAIL = Identifier("user_id", "ann"), Identifier("email", "ann@example.com")
TOKEN, PHONE = Identifier("ios.push_token", "t"), Identifier("phone", "+48601234567")

HOSTILE: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", " ", "NaN", "-1e999999", 10**400, -(10**14), 0.1, "12.50", 3, {"a": [1]}, [], "x" * 101, "ą\x00"]
) | st.floats(allow_nan=True, allow_infinity=True)


def event(number: int, name: str, at: datetime | None = None, **body: Any) -> Event:
    """An event at minute `number`, by Ann on the web unless it says otherwise."""
    at = at or T0 + timedelta(minutes=number)
    kind = name if name in ("page", "screen", "identify") else "track"
    about = body.pop("about", (ANN,))
    received = body.pop("received_at", at)
    source = body.pop("source", "web")
    return Event(MessageId(f"m-{number}"), kind, name, source, at, received, about, body)


def states_of(
    definitions: ComputedTraits, events: Iterable[Event], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    states = definitions.current(before or {})
    for one in events:
        definitions.add(states, one, epoch_ms(one.timestamp))
    return states


def computed(*events: Event, definitions: ComputedTraits = SHIPPED) -> Mapping[str, Any]:
    return definitions.show([states_of(definitions, events)])


MOMENTS = st.sampled_from([0, 1, 86_400_000, 1_772_000_000_123, 1_775_000_000_000, 7_000_000_000_000]).flatmap(
    lambda ms: st.integers(ms, ms + 3)
)
NAMES = st.sampled_from(
    [
        *("Order Completed", "Product Added", "Product Added", "Product Removed", "page", "Song Played"),
        *("Email Opened", "Message Link Clicked", "SMS Replied", "Loyalty Points Earned", "Loyalty Points Spent"),
    ]
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "revenue": HOSTILE,
        "total": st.integers(0, 100),
        "currency": st.sampled_from(["usd", "PLN", "złoty", "", None, 5]),
        "shop": st.integers(0, 9) | HOSTILE,
        "cart_id": st.sampled_from(["c1", "c2", None, 7]),
        "product_id": st.sampled_from(["p1", "p2", "p3"]) | HOSTILE,
        "quantity": st.integers(0, 3) | HOSTILE,
        "price": st.sampled_from(["1.99", 20]) | HOSTILE,
        "points": st.integers(-5, 50) | HOSTILE,
        "loyalty_balance": st.integers(0, 500) | HOSTILE,
        "machine": st.booleans(),
    },
)


@st.composite
def histories(draw: st.DrawFn, most: int = 14) -> list[Event]:
    """Distinct events, several of them at one moment, some received before they happened."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, most))):
        at = from_ms(draw(MOMENTS))
        events.append(
            event(
                number,
                draw(NAMES),
                at,
                about=draw(st.sampled_from([(ANN,), (MAIL,), (TOKEN,), ()])),
                source=draw(st.sampled_from(["web", "app", "feedback", ""])),
                received_at=from_ms(draw(st.sampled_from([epoch_ms(at), 1_772_000_000_200]))),
                properties=draw(PROPERTIES),
                context={"timezone": draw(st.sampled_from([None, "Europe/Warsaw", "Mars/Base", 3]))},
            )
        )
    return events


def tight() -> ExitStack:
    """Bounds so small that histories pass them."""
    bounds = ExitStack()
    patch = bounds.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(open_carts, "MOST_ENTRIES", 3)
    patch.setattr(kinds, "MOST_KEYS", 2)
    patch.setattr(kinds, "MOST_PERIODS", 2)
    return bounds


@settings(max_examples=150)
@given(histories(), st.randoms(use_true_random=False), st.integers(0, 14), st.booleans())
def test_order_batches_and_partitions_do_not_matter(events: list[Event], random: Random, cut: int, small: bool) -> None:
    """Shuffled, in two batches with a store in between, or in three partitions: the same states and the same traits.

    Also where a bound is passed.
    """
    with tight() if small else ExitStack():
        at_once = states_of(SHIPPED, events)
        shuffled = list(events)
        random.shuffle(shuffled)
        stored = json.loads(json.dumps(states_of(SHIPPED, shuffled[:cut])))
        assert states_of(SHIPPED, shuffled[cut:], stored) == at_once
        parts = [states_of(SHIPPED, shuffled[place::3]) for place in range(3)]
        assert SHIPPED.show(parts) == SHIPPED.show([at_once])
        json.dumps(SHIPPED.show(parts), allow_nan=False)


@given(histories(), st.randoms(use_true_random=False))
def test_merging_is_associative_and_changes_neither_side(events: list[Event], random: Random) -> None:
    """Members are joined in any order and any grouping, and are afterwards what they were."""
    with tight():
        for kind in SHIPPED.definitions:
            alone = [kind.add(None, one, epoch_ms(one.timestamp)) for one in events]
            states = [state for state in alone if state is not None]
            before = json.dumps(states)
            merged = list(states)
            while len(merged) > 1:
                place = random.randrange(len(merged) - 1)
                merged[place : place + 2] = [kind.merge(merged[place + 1], merged[place])]
            whole = states_of(ComputedTraits((kind,)), events)
            assert dict.fromkeys(whole, merged[0] if merged else None) == whole
            assert json.dumps(states) == before


def test_a_projection_keeps_them_and_a_profile_shows_them() -> None:
    """Through fold, store and join; what nobody spoke of is absent from both."""
    first = fold(Projection(), [event(1, "Order Completed", properties={"revenue": 12.5, "currency": "EUR"})])
    second = fold(Projection(), [event(2, "Order Completed", about=(MAIL,), properties={"total": 7.5})])
    profile = join({ANN.node_id: load_projection(dump_projection(first)), MAIL.node_id: second})
    assert profile
    assert profile.computed == {
        "orders": 2,
        "first_order": "2026-03-01T09:01:00.000Z",
        "last_order": "2026-03-01T09:02:00.000Z",
        "revenue": {"EUR": 12.5, "USD": 7.5},
        "average_basket": {"EUR": 12.5, "USD": 7.5},
        "last_seen": {"web": "2026-03-01T09:02:00.000Z"},
        "usual_hour": 9,
    }
    assert fold(Projection(), [event(1, "Song Played", source="feedback")]).computed == {}


def test_a_common_customers_projection_is_below_a_kilobyte() -> None:
    """A write of it is then one unit: known by five traits, two devices, three orders and a cart."""
    browser, phone = Identifier("anonymous_id", "8b5c1b5e-6a0e-4a6e-9a57-0f6d3c1e2b7a"), PHONE
    traits = {"email": "ann.smith@example.com", "firstName": "Ann", "lastName": "Smith", "plan": "gold"}
    order = {"order_id": "1001", "revenue": 120.5, "currency": "PLN", "shop_id": "krk-1", "cart_id": "c-1"}
    events = [event(0, "identify", about=(MAIL, phone, browser), traits=traits)]
    events += [event(n, "page", about=(MAIL, browser), properties={"url": "/"}) for n in range(1, 20)]
    events += [event(n, "Order Completed", about=(MAIL, browser), properties=order) for n in (20, 21, 22)]
    added = {"cart_id": "c-2", "product_id": "sku-1", "price": 9.99}
    events += [event(23, "Product Added", about=(MAIL, browser), properties=added)]
    assert len(dump_projection(fold(Projection(), events))) < 1_024


def test_money_is_added_and_averaged_per_currency() -> None:
    """An order without a readable amount is an order, but no basket."""
    shown = computed(
        event(1, "Order Completed", properties={"revenue": 10, "currency": "eur"}),
        event(2, "Order Completed", properties={"revenue": "free", "total": "0.01", "currency": "EUR"}),
        event(3, "Order Completed", properties={"currency": "EUR"}),
        event(4, "Order Completed", properties={"value": 3, "currency": "złoty"}),
    )
    assert shown["orders"] == 4
    assert shown["revenue"] == {"EUR": 10.01, "XXX": 3}
    assert shown["average_basket"] == {"EUR": 5.005, "XXX": 3}


@given(st.lists(st.integers(0, 40), max_size=40))
def test_the_most_frequent_shop(shops: Sequence[int]) -> None:
    """Ties go to the first by name; of more shops than are kept those count that the bound keeps."""
    orders = [event(n, "Order Completed", properties={"shop_id": shop}) for n, shop in enumerate(shops)]
    shown = computed(*orders).get("favourite_shop")
    counts = Counter(map(str, shops))
    if len(counts) <= kinds.MOST_KEYS:
        assert shown == min(counts, key=lambda shop: (-counts[shop], shop), default=None)
    else:
        assert shown in counts


def test_a_key_that_is_kept_was_never_left_out() -> None:
    """A flood of shops costs some of them, the same for every order, and the others are counted exactly."""
    shops = [f"shop-{n % 100}" for n in range(300)]
    orders = [event(n, "Order Completed", properties={"shop_id": shop}) for n, shop in enumerate(shops)]
    rising, falling = (states_of(SHIPPED, some) for some in (orders, list(reversed(orders))))
    key = next(kind.key for kind in SHIPPED.definitions if kind.key.startswith("shops~"))
    assert rising[key] == falling[key]
    assert len(rising[key]) == kinds.MOST_KEYS
    assert all(one == [3] for one in rising[key].values())


def test_last_seen_on_each_channel() -> None:
    """By source; what providers and staff report is no visit."""
    shown = computed(event(1, "page"), event(2, "Song Played", source="till"), event(3, "page", source="feedback"))
    assert shown["last_seen"] == {"web": "2026-03-01T09:01:00.000Z", "till": "2026-03-01T09:02:00.000Z"}


def test_the_usual_hour_is_the_local_one() -> None:
    """In the event's own zone, else in the definition's (UTC); an unreadable zone counts as none."""
    shown = computed(
        event(1, "page", context={"timezone": "Europe/Warsaw"}),
        event(2, "page", context={"timezone": "Europe/Warsaw"}),
        event(3, "page", context={"timezone": "Mars/Base"}),
    )
    assert shown["usual_hour"] == 10
    tokyo = computed_from(
        [{"name": "h", "kind": "tally", "events": ["page"], "by": "hour", "zone": "Asia/Tokyo", "show": {"h": "most"}}]
    )
    assert computed(event(1, "page"), definitions=tokyo) == {"h": 18}


def test_answers_count_more_than_opens_and_the_recent_more_than_the_old() -> None:
    """Five opens are a click; after a half-life (30 days) a click is worth half."""
    opens = [event(n, "Email Opened", about=(MAIL,)) for n in range(4)]
    tap = event(9, "Push Notification Tapped", about=(TOKEN,))
    assert computed(*opens, tap)["favourite_channel"] == "push"
    late = [
        event(n, "Message Link Clicked", T0 + timedelta(days=31), about=(PHONE,), properties={"message_id": "x"})
        for n in (20,)
    ]
    assert computed(*opens, tap, *late)["channel_ranking"] == ["sms", "push", "email"]
    machine = event(30, "Email Link Clicked", T0 + timedelta(days=60), about=(MAIL,), properties={"machine": True})
    assert computed(tap, machine)["channel_ranking"] == ["push"]


ENGAGEMENTS = st.lists(
    st.tuples(
        st.sampled_from([("Email Opened", "email", 1), ("SMS Replied", "sms", 10), ("Email Link Clicked", "email", 5)]),
        st.integers(0, 120 * 24),
    ),
    min_size=1,
    max_size=12,
)


@given(ENGAGEMENTS)
def test_the_decayed_sum_is_what_the_definition_says(told: Sequence[tuple[tuple[str, str, int], int]]) -> None:
    """The ranking is that of exact fractions: a weight halves with every half-life, in a straight line in between."""
    happened = [event(n, name, T0 + timedelta(hours=h)) for n, ((name, _, _), h) in enumerate(told)]
    half_life = 30 * 86_400_000
    weights = Counter[str]()
    exact: dict[str, Fraction] = {}
    for one, ((_, channel, weight), _) in zip(happened, told, strict=True):
        period, rest = divmod(epoch_ms(one.timestamp), half_life)
        step = Fraction(rest * 256 // half_life, 256)
        exact[channel] = exact.get(channel, Fraction(0)) + weight * (1 + step) * Fraction(2) ** (period - 690)
        weights[channel] += weight
    assert computed(*happened)["channel_ranking"] == sorted(exact, key=lambda channel: (-exact[channel], channel))


def test_a_clock_that_runs_ahead_does_not_decide_for_ever() -> None:
    """An event cannot have happened after it was received."""
    ahead = event(1, "Email Opened", T0 + timedelta(days=30_000), about=(MAIL,), received_at=T0)
    taps = [event(2, "Push Notification Tapped", T0, about=(TOKEN,))]
    assert computed(ahead, *taps)["favourite_channel"] == "push"


def test_the_latest_balance_stands() -> None:
    """By event time, whatever arrives last; points earned and spent are added up besides."""
    shown = computed(
        event(3, "Loyalty Points Spent", properties={"points": 40, "loyalty_balance": 60}),
        event(1, "Loyalty Points Earned", properties={"points": 100, "loyalty_balance": 100}),
        event(4, "Loyalty Balance Changed", properties={"loyalty_balance": {"hostile": 1}}),
    )
    assert (shown["loyalty_balance"], shown["loyalty_points"]) == (60, 60)


def cart_event(number: int, name: str, product: str = "", **properties: Any) -> Event:
    return event(number, name, properties={"product_id": product} | properties)


def test_an_open_cart() -> None:
    """Added, minus removed, since the order, at the latest price, per cart; the one touched last comes first."""
    shown = computed(
        cart_event(1, "Product Added", "book", cart_id="c1", price=10, currency="EUR"),
        cart_event(2, "Order Completed", cart_id="c1"),
        cart_event(3, "Product Added", "pen", cart_id="c1", price=2, quantity=3),
        cart_event(4, "Product Removed", "pen", cart_id="c1", quantity=1),
        cart_event(5, "Product Added", "pen", cart_id="c1", price="2.50"),
        cart_event(6, "Product Added", "ink", cart_id="c2"),
        cart_event(7, "Product Added", "cap", cart_id="c2"),
        cart_event(8, "Product Removed", "cap", cart_id="c2"),
    )
    assert shown["open_carts"] == [
        {
            "cart_id": "c2",
            "products": [{"product": "ink", "quantity": 1}],
            "value": {},
            "since": "2026-03-01T09:06:00.000Z",
            "updated": "2026-03-01T09:08:00.000Z",
        },
        {
            "cart_id": "c1",
            "products": [{"product": "pen", "quantity": 3}],
            "value": {"USD": 7.5},
            "since": "2026-03-01T09:03:00.000Z",
            "updated": "2026-03-01T09:05:00.000Z",
        },
    ]


def test_an_order_that_names_no_cart_takes_all() -> None:
    """And one that takes the last cart leaves none to show; what is added later opens one again."""
    added = [cart_event(1, "Product Added", "a", cart_id="c1"), cart_event(2, "Product Added", "b")]
    assert "open_carts" not in computed(*added, cart_event(3, "Order Completed"))
    assert [c["cart_id"] for c in computed(*added, cart_event(3, "Order Completed", cart_id="c1"))["open_carts"]] == [
        None
    ]
    assert len(computed(*added, cart_event(0, "Order Completed"))["open_carts"]) == 2


def naive_carts(events: Sequence[Event]) -> dict[str, dict[str, int]]:
    """Millionths of pieces by cart and product, from all events at once; knows nothing of states."""
    told: list[tuple[int, int, str, str, int, str]] = []
    for one in events:
        said = one.properties
        at_ms = min(epoch_ms(one.timestamp), epoch_ms(one.received_at))
        cart, product = said.get("cart_id"), said.get("product_id")
        cart = cart.strip() if isinstance(cart, str) else str(cart) if cart is not None else ""
        quantity = millionths(said.get("quantity"))
        names = ["Product Added", "Product Removed", "Order Completed"]
        if one.name not in names or (one.name != "Order Completed" and product not in ("p1", "p2", "p3")):
            continue
        pieces = (10**6 if quantity is None else quantity) if one.name == "Product Added" else quantity
        told.append((at_ms, names.index(one.name), cart, str(product), -1 if pieces is None else abs(pieces), one.name))
        if one.name == "Product Added":
            told[-1] = (*told[-1][:4], max(pieces or 0, 0), one.name)
    moments = sorted((one[0] for one in told), reverse=True)
    if not moments:
        return {}
    most = open_carts.MOST_ENTRIES
    cut = max(moments[0] - open_carts.WINDOW_MS, moments[most] if len(moments) > most else -1)
    carts: dict[str, dict[str, int]] = {}
    for at_ms, rank, cart, product, pieces, _ in sorted(one for one in told if one[0] > cut):
        if rank == 2:
            for gone in [cart] if cart else list(carts):
                carts.pop(gone, None)
            continue
        lines = carts.setdefault(cart, {})
        held = lines.get(product, 0)
        lines[product] = held + pieces if rank == 0 else 0 if pieces < 0 else max(held - pieces, 0)
        assert at_ms > cut
    filled = {cart: {product: n for product, n in lines.items() if n} for cart, lines in carts.items()}
    return {cart: lines for cart, lines in filled.items() if lines}


CART_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["Product Added", "Product Added", "Product Removed", "Order Completed"]),
        st.sampled_from(["c1", "c2", None]),
        st.sampled_from(["p1", "p1", "p2", "p2", "p2", None]),
        st.sampled_from([None, None, 1, 2, 3, 0, -1, 0.5, "2"]),
        st.integers(0, 12),
        st.sampled_from([0] * 9 + [31]),
    ),
    min_size=3,
    max_size=12,
)


@pytest.mark.parametrize("small", [False, True])
@settings(max_examples=250)
@given(told=CART_EVENTS)
def test_carts_are_what_all_events_at_once_make_of_them(told: Sequence[tuple[Any, ...]], small: bool) -> None:
    """Late orders and removals, several carts, forgotten entries: as a naive reader of the whole history sees it."""
    events = [
        event(
            n,
            name,
            T0 + timedelta(minutes=minute, days=days),
            properties={"cart_id": cart, "product_id": product, "quantity": quantity},
        )
        for n, (name, cart, product, quantity, minute, days) in enumerate(told)
    ]
    with tight() if small else ExitStack():
        shown = computed(*events).get("open_carts", [])
        pieces = {
            cart["cart_id"] or "": {line["product"]: line["quantity"] * 10**6 for line in cart["products"]}
            for cart in shown
        }
        assert pieces == naive_carts(events)


def test_a_state_stays_small_whatever_is_sent() -> None:
    """A flood of shops, products, carts and texts of any length is bounded."""
    flood = [
        event(
            n,
            name,
            properties={
                "shop_id": f"{n}" * 20,
                "cart_id": f"cart-{n}" * 10,
                "product_id": f"p{n}" * 18,
                "quantity": 10**14,
                "loyalty_balance": "x" * 10_000,
            },
            source=f"source-{n}",
        )
        for n in range(400)
        for name in ("Product Added", "Order Completed" if n % 9 == 0 else "Product Removed")
    ]
    assert len(json.dumps(states_of(SHIPPED, flood))) < 40_000


def test_another_meaning_has_another_state() -> None:
    """A changed definition starts anew and never reads what another one wrote; a renamed trait goes on."""
    before, renamed = dict(SHIPPED_DEFINITIONS[0]), dict(SHIPPED_DEFINITIONS[0])
    renamed["show"] = {"purchases": "count", "since": "first", "until": "last"}
    changed = before | {"events": ["Order Completed", "Order Updated"]}
    old, same, new = (computed_from([one]) for one in (before, renamed, changed))
    projection = fold(Projection(), [event(1, "Order Completed")], old)
    assert same.show([projection.computed])["purchases"] == 1
    assert new.show([projection.computed]) == {}
    later = fold(projection, [event(2, "Order Completed")], new)
    assert new.show([later.computed])["orders"] == 1
    assert old.show([later.computed]) == {}


def test_a_team_adds_its_own() -> None:
    """Beside the shipped ones, as plain data."""
    rides = {
        "name": "rides",
        "kind": "tally",
        "events": ["Ride Finished"],
        "value": "properties.km",
        "by": "properties.city",
        "show": {"rides": "count", "km_by_city": "sums", "km": "sum", "first_rides": "firsts"},
    }
    shown = computed(
        event(1, "Ride Finished", properties={"km": 3.5, "city": "Kraków"}),
        event(2, "Ride Finished", properties={"km": 1, "city": "Łódź"}),
        definitions=computed_from([*SHIPPED_DEFINITIONS, rides]),
    )
    assert (shown["rides"], shown["km_by_city"], shown["km"]) == (2, {"Kraków": 3.5, "Łódź": 1}, 4.5)
    assert shown["first_rides"]["Łódź"] == iso_ms(epoch_ms(T0 + timedelta(minutes=2)))
