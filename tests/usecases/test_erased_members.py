"""Law 8 for segments: who was erased is in no list, in no count, and comes back as a stranger."""

from __future__ import annotations

from tests.usecases.erasure_world import ErasureWorld
from tests.usecases.segment_world import NO_ORDER, check, identify, listed, put


def test_an_erased_customer_is_no_member_of_anything() -> None:
    """Lines, counts and what was found out go with the rest; others stay; an errand that was kept does no harm."""
    world = ErasureWorld()
    put(world, "paid", {"trait": "plan", "is": "paid"})
    put(world, "lapsed", NO_ORDER)
    for who in ("ann", "bob"):
        identify(world, who, f"m-{who}", plan="paid")
    assert (world.segments.count("paid"), world.segments.count("lapsed")) == (2, 2)
    world.advance(minutes=1)
    world.erase("user_id:ann")
    world.work()
    assert (world.segments.count("paid"), world.segments.count("lapsed")) == (1, 1)
    assert len(listed(world, "paid")) == len(listed(world, "lapsed")) == 1
    check(world)
    world.advance(days=40)
    identify(world, "ann", "m-again", plan="free")
    check(world)
    assert (world.segments.count("paid"), world.segments.count("lapsed")) == (1, 2)
