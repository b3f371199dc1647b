"""What the store of events promises, asked of both makes."""

from __future__ import annotations

import pytest

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.event import Event
from tests.adapters.store_makes import ANN, APP, BOB, Stores, event, minutes


def test_an_event_is_added_once(stores: Stores) -> None:
    """The message id alone decides: a retry with another time changes nothing."""
    assert stores.events.add(event("m1")) is True
    assert stores.events.add(event("m1", happened=3, received=4)) is False
    assert stores.events.timeline([ANN.node_id], 10, None).events == [event("m1")]


def test_many_events_are_added_at_a_time(stores: Stores) -> None:
    """More than one request takes: each once, those already there and those twice in the batch are not new."""
    stores.events.add(event("m3", happened=-9))
    batch = [event(f"m{number}", happened=number) for number in range(60)]
    assert stores.events.add_all([*batch, event("m7", happened=99), *batch[:30]]) == 59
    assert stores.events.add_all(batch) == stores.events.add_all([]) == 0
    told = stores.events.timeline([ANN.node_id], 100, None).events
    assert told == [*reversed([one for one in batch if one.message_id != "m3"]), event("m3", happened=-9)]


def test_a_removed_event_is_gone(stores: Stores) -> None:
    """From the timeline too; what was never there is no fault, and others stay."""
    stores.events.add_all([event("m1"), event("m2"), event("m1", who=BOB)])
    stores.events.remove([event("m1"), event("m9")])
    stores.events.remove([])
    left = stores.events.timeline([ANN.node_id, BOB.node_id], 9, None).events
    assert sorted(e.message_id for e in left) == ["m1", "m2"]
    assert stores.events.add(event("m1")) is True


def test_a_long_or_strange_message_id_is_an_id(stores: Stores) -> None:
    """Two ids that differ only far behind are two, and come back whole."""
    ids = ["x" * 1000 + "1", "x" * 1000 + "2", "a#b#c", "ż" * 40]
    assert [stores.events.add(event(message_id)) for message_id in ids] == [True] * 4
    assert [stores.events.add(event(message_id)) for message_id in ids] == [False] * 4
    assert {e.message_id for e in stores.events.timeline([ANN.node_id], 10, None).events} == set(ids)


def test_a_timeline_of_several_nodes_is_read_page_by_page(stores: Stores) -> None:
    """Newest first by the event's own time, each event once, whatever the page's length; others' stay out."""
    expected: list[str] = []
    for number in range(9):
        who = (ANN, APP, BOB)[number % 3]
        stores.events.add(event(f"m{number}", who=who, happened=-number, received=number))
        expected += [] if who is BOB else [f"m{number}"]
    for limit in (1, 2, 4, 5, 6, 7):
        seen, cursor, pages = list[str](), None, 0
        while pages == 0 or cursor:
            page = stores.events.timeline([ANN.node_id, APP.node_id], limit, cursor)
            assert len(page.events) <= limit
            seen += [e.message_id for e in page.events]
            cursor, pages = page.cursor, pages + 1
        assert seen == expected
        assert pages == -(-len(expected) // limit)


@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_timeline_is_exact_either_way_where_events_share_a_moment_and_an_id(
    stores: Stores, *, oldest_first: bool
) -> None:
    """One id at two nodes is two events; pages of any size give each once, in one order, while others are added."""
    here = [event(f"m{n}", who=who, happened=n // 3) for n in range(9) for who in (ANN, APP, BOB)]
    stores.events.add_all(here)
    nodes = [ANN.node_id, APP.node_id, BOB.node_id]
    for limit in (1, 2, 4, 30):
        found, cursor = list[Event](), None
        while True:
            page = stores.events.timeline(nodes, limit, cursor, oldest_first=oldest_first)
            found += page.events
            cursor = page.cursor
            if cursor is None:
                break
            early = event(f"early-{limit}-{len(found)}", happened=-1 if oldest_first else 99)
            stores.events.add(early)
        places = [(e.node_id, e.message_id) for e in found if not e.message_id.startswith("early")]
        assert sorted(places) == sorted((e.node_id, e.message_id) for e in here)
        moments = [e.timestamp for e in found]
        assert moments == sorted(moments, reverse=not oldest_first)


def test_a_timeline_of_nobody_is_empty(stores: Stores) -> None:
    """No node, or an unknown one, has no events."""
    assert stores.events.timeline([], 5, None).events == []
    page = stores.events.timeline([BOB.node_id], 5, None)
    assert (page.events, page.cursor) == ([], None)


def test_a_foreign_cursor_is_refused(stores: Stores) -> None:
    """A cursor that no page gave is the caller's mistake."""
    with pytest.raises(MalformedBodyError):
        stores.events.timeline([ANN.node_id], 5, "what? ever")


def test_what_arrived_is_told_by_name_node_and_both_times(stores: Stores) -> None:
    """Each bound counts from its very moment on; an event of another name, node or time is not told."""
    bought = {"happened_from": minutes(-10), "received_from": minutes(0)}
    stores.events.add(event("right", "Order Completed", happened=-10, received=0))
    stores.events.add(event("app", "Unsubscribed", who=APP, happened=5, received=5))
    stores.events.add(event("other name", "Basket Filled"))
    stores.events.add(event("other node", "Order Completed", who=BOB))
    stores.events.add(event("happened before", "Order Completed", happened=-10.001, received=0))
    stores.events.add(event("arrived before", "Order Completed", happened=-5, received=-0.001))
    names = ["Order Completed", "Unsubscribed"]
    found = stores.events.arrived([ANN.node_id, APP.node_id], names, **bought)
    assert sorted(e.message_id for e in found) == ["app", "right"]
    assert event("right", "Order Completed", happened=-10, received=0) in found
    assert stores.events.arrived([ANN.node_id], [], **bought) == []
