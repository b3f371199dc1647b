"""Tills and kiosks: many people, one device. A session there is one person's, the device is nobody's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier
from omnicascade.usecases.find_customer import Customer
from tests.identity_streams import T0, Posted
from tests.usecases.identity_road import Road

KIOSK = Source("kiosk", "kiosk", "PL", shared_device=True)
TILL = Source("till", "pos", "PL", shared_device=True)
WEB = Source("web", "web", "PL")
PEOPLE = ("ann", "bob", "cid")


def said(minute: int, *, source: Source = KIOSK, kind: str = "track", session: object = None, **call: Any) -> Posted:
    """One call, by default of a kiosk whose anonymous id nobody ever resets."""
    context = {**call.pop("context", {}), **({} if session is None else {"sessionId": session})}
    message = {"type": kind, "event": "Looked", "messageId": f"m-{minute}", "anonymousId": "kiosk-1", **call}
    when = (T0 + timedelta(minutes=minute)).isoformat()
    return Posted(source, {**message, "timestamp": when, "context": context})


def customer(road: Road, kind: str, value: str) -> Customer:
    found = road.find(Identifier(kind, value).node_id)
    assert found is not None
    return found


def events_of(road: Road, user: str) -> int:
    return customer(road, "user_id", user).profile.counters.events


def test_what_was_done_before_logging_in_is_the_customers() -> None:
    """A session's anonymous events belong to whoever logs in in it, those after the login too."""
    road = Road().run([said(1, session="s-1"), said(2, session="s-1", userId="ann"), said(3, session="s-1")])
    assert events_of(road, "ann") == 3


def test_the_next_session_is_somebody_elses() -> None:
    """What the next one does on the same device is not told to the last one."""
    road = Road().run([said(1, session="s-1", userId="ann"), said(2, session="s-2"), said(3, session="s-2")])
    assert events_of(road, "ann") == 1
    next_one = customer(road, "session_id", "kiosk/kiosk-1/s-2")
    assert next_one.profile.counters.events == 2
    assert customer(road, "user_id", "ann").component.members.isdisjoint(next_one.component.members)


def test_two_people_in_one_session_stay_two() -> None:
    """Who forgets to log out keeps the session; who logs in then is refused it, with the reason."""
    road = Road().run(
        [said(1, session="s-1"), said(2, session="s-1", userId="ann"), said(3, session="s-1", userId="bob")]
    )
    ann, bob = (customer(road, "user_id", name).component for name in ("ann", "bob"))
    assert ann.members.isdisjoint(bob.members)
    assert [refusal.code for refusal in bob.refused] == ["session"]
    assert (events_of(road, "ann"), events_of(road, "bob")) == (2, 1)


def test_a_session_of_two_names_of_one_person_is_whole() -> None:
    """Whoever is known by a mail and an account brings both into the session."""
    traits = {"email": "ann@example.com"}
    road = Road().run(
        [
            said(1, session="s-1", kind="identify", traits=traits),
            said(2, session="s-1", userId="ann"),
            said(3, source=WEB, kind="identify", userId="ann", anonymousId="browser", traits=traits),
        ]
    )
    assert events_of(road, "ann") == 3


def test_a_session_without_a_name_is_none() -> None:
    """A client that sends an empty or a placeholder session must not make one session of all."""
    for nobody in ("", "null", 0, False, "undefined"):
        road = Road().run([said(1, session=nobody), said(2, session=nobody, userId="ann"), said(3, session=nobody)])
        assert events_of(road, "ann") == 1


def test_nobody_claims_a_session_from_outside() -> None:
    """A browser that names a kiosk's session as an external id gets nothing of it."""
    stolen = [{"type": "session_id", "id": "kiosk/kiosk-1/s-1", "collection": "users"}]
    road = Road().run(
        [
            said(1, session="s-1"),
            said(2, source=WEB, userId="eve", anonymousId="browser", context={"externalIds": stolen}),
            said(3, session="s-1", userId="ann"),
        ]
    )
    assert (events_of(road, "eve"), events_of(road, "ann")) == (1, 2)


@pytest.mark.parametrize("source", [KIOSK, WEB], ids=lambda source: source.name)
@pytest.mark.parametrize("known", [True, False], ids=["known before", "new"])
def test_one_old_name_has_one_new_one(source: Source, known: bool) -> None:
    """Two people who each say, on one device, that its id was theirs do not become one."""
    before = [said(-n, source=source, userId=name, anonymousId=None) for n, name in ((2, "ann"), (1, "bob"))]
    aliases = [
        said(n, source=source, kind="alias", userId=name, previousId="till-a", anonymousId=None)
        for n, name in ((1, "ann"), (2, "bob"))
    ]
    road = Road().run([*(before if known else ()), *aliases])
    ann, bob = (customer(road, "user_id", name).component for name in ("ann", "bob"))
    assert ann.members.isdisjoint(bob.members)
    assert "limit" in {refusal.code for refusal in bob.refused}


@st.composite
def streams(draw: st.DrawFn) -> Sequence[Posted]:
    """Random calls of tills and kiosks; each names one person by some of their names, or nobody, and any device."""
    return [_call(draw, minute) for minute in range(draw(st.integers(1, 14)))]


def _call(draw: st.DrawFn, minute: int) -> Posted:
    who = draw(st.sampled_from((*PEOPLE, None)))
    kind = draw(st.sampled_from(("track", "identify", "page", "alias")))
    device = {"type": "ios", "id": draw(st.sampled_from(("till-a", "till-b"))), "token": "one-token"}
    context: dict[str, Any] = {"device": {**device, "adTrackingEnabled": True, "advertisingId": "one-ad"}}
    call: dict[str, Any] = {"anonymousId": draw(st.sampled_from(("till-a", "till-b", None)))}
    if who:
        names = draw(st.sets(st.sampled_from(("userId", "email", "card")), min_size=1))
        call |= {"userId": f"u-{who}"} if "userId" in names or kind == "alias" else {}
        call |= {"traits": {"email": f"{who}@example.com"}} if "email" in names else {}
        context |= {"externalIds": [{"type": "card", "id": f"card-{who}"}]} if "card" in names else {}
    if kind == "alias":
        call["previousId"] = draw(st.sampled_from(("till-a", "till-b", "s-1")))
    session = draw(st.sampled_from(("s-1", "s-2", None, "")))
    return said(
        minute, source=draw(st.sampled_from((TILL, KIOSK))), kind=kind, session=session, context=context, **call
    )


def _persons(names: Iterable[Identifier]) -> set[str]:
    return {who for who in PEOPLE for name in names if who in name.value}


@given(streams())
@settings(max_examples=60)
def test_shared_devices_never_join_two_people(stream: Sequence[Posted]) -> None:
    """Whatever tills and kiosks send about whichever device, session or alias: nobody becomes somebody else."""
    road = Road().run(stream)
    for event in road.accepted:
        found = road.find(event.node_id)
        assert found is not None
        assert len(_persons(known.identifier for known in found.profile.identifiers)) <= 1
