"""What staff read of a customer: search, entity tags, pages, export, and the many ways to write a name."""

import json
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import (
    InvalidInputError,
    MalformedBodyError,
    NotFoundError,
    PreconditionFailedError,
    TooLargeError,
    UnacceptableError,
)
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from omnicascade.usecases.export_customer import ExportDesk
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.name_customer import node_of
from tests.usecases.staff_room import StaffRoom, identifiers, shown
from tests.usecases.world import NOON

ANN = {"type": "identify", "userId": "ann", "traits": {"email": "ann@example.com", "phone": "+48601234567"}}


@pytest.fixture
def room() -> StaffRoom:
    """Ann, known by a user id, an e-mail address and a phone number; and Bob."""
    room = StaffRoom()
    room.happened(ANN, {"userId": "bob"})
    return room


def searched(room: StaffRoom, *asked: tuple[str, str]) -> list[str]:
    request = room.request()
    answer = room.desk.search(type(request)("", asked=asked))
    profiles: Any = shown(answer)["profiles"]
    return [profile["identifiers"][0]["value"] for profile in profiles]


def test_search_finds_each_customer_once(room: StaffRoom) -> None:
    """Every identifier asked for finds its customer; strangers and placeholders find nobody."""
    assert searched(room, ("email", " Ann@Example.com ")) == ["ann"]
    assert searched(room, ("user_id", "bob"), ("email", "ann@example.com"), ("user_id", "ann")) == ["bob", "ann"]
    assert searched(room, ("user_id", "nobody"), ("email", "null"), ("phone", "12")) == []
    assert searched(room, ("email", "x@example.com"), ("email", "ann@example.com")) == ["ann"]
    assert searched(room, ("profile_id", node_of("user_id:bob"))) == ["bob"]


def test_search_understands_a_plus_sign_that_nobody_encoded(room: StaffRoom) -> None:
    """`?phone=+48…` arrives with a space, and a spoken number is read where the tills are."""
    assert searched(room, ("phone", " 48601234567")) == ["ann"]
    assert searched(room, ("phone", "+48601234567")) == searched(room, ("phone", "601 234 567")) == ["ann"]
    room.happened({"userId": "tagged", "context": {"traits": {"email": "t+shop@example.com"}}})
    assert searched(room, ("email", "t shop@example.com")) == ["tagged"]


def test_search_needs_an_identifier(room: StaffRoom) -> None:
    """Nothing asked is a mistake, and so is a whole list."""
    for asked in ((), (("user_id", "ann"),) * 21):
        with pytest.raises(MalformedBodyError, match="1 to 20"):
            searched(room, *asked)


def test_an_entity_tag_changes_with_the_profile_and_only_then(room: StaffRoom) -> None:
    """Reading twice gives one tag, whichever identifier is used; an event gives another."""
    first = room.desk.profile(room.request("user_id:ann"))
    tag = first.headers["etag"]
    assert room.desk.profile(room.request("email:ann@example.com")).headers == first.headers
    for named in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = room.desk.profile(room.request("user_id:ann", headers={"if-none-match": named}))
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, None, tag)
    room.happened({"userId": "ann"})
    answer = room.desk.profile(room.request("user_id:ann", headers={"if-none-match": tag}))
    assert answer.status == 200
    assert answer.headers["etag"] != tag


def test_traits_by_staff_are_an_event_like_any_other(room: StaffRoom) -> None:
    """New values show, objects merge, null deletes, and the customer's strongest identifier is named, nothing else."""
    room.happened({"type": "identify", "userId": "ann", "traits": {"old": 1, "address": {"city": "Łódź", "zip": "1"}}})
    change = {"traits": {"old": None, "name": "Ann", "address": {"zip": "2"}}}
    answer = room.desk.change(room.request("phone:601234567", change))
    assert answer.status == 202
    room.world.settle()
    profile = room.profile("user_id:ann")
    assert profile["traits"] | {"email": ""} == {
        "email": "", "phone": "+48601234567", "name": "Ann", "address": {"city": "Łódź", "zip": "2"}
    }  # fmt: skip
    assert profile["trait_sources"]["/name"]["source"] == "staff"
    event = room.world.events.stream[-1].event
    assert event.message_id == shown(answer)["message_id"]
    assert event.identifiers == (Identifier("user_id", "ann"),)


def test_naming_a_customer_by_an_address_changes_no_trait() -> None:
    """Where the address is all there is, staff may still delete it from the traits, and nothing else is said."""
    room = StaffRoom()
    room.happened({"type": "identify", "traits": {"email": "Only@Example.com"}})
    room.desk.change(room.request("email:only@example.com", {"traits": {"plan": "gold"}}))
    room.world.settle()
    assert room.profile("email:only@example.com")["traits"] == {"email": "Only@Example.com", "plan": "gold"}
    room.world.advance(seconds=1)
    room.desk.change(room.request("email:only@example.com", {"traits": {"email": None}}))
    room.world.settle()
    assert room.profile("email:only@example.com")["traits"] == {"plan": "gold"}


def test_staff_delete_a_trait_even_while_they_name_a_new_address() -> None:
    """A form on a strange device cannot erase what is known; staff are no strange device."""
    room = StaffRoom()
    room.happened({"type": "identify", "traits": {"email": "old@example.com", "name": "Ann"}})
    room.desk.change(room.request("email:old@example.com", {"traits": {"email": "new@example.com", "name": None}}))
    room.world.settle()
    assert room.profile("email:new@example.com")["traits"] == {"email": "new@example.com"}


def test_traits_that_the_intake_would_refuse_are_refused(room: StaffRoom) -> None:
    """The same limits as for every call, with a path for what is no trait; nothing is queued."""
    cases: list[tuple[Any, type[InvalidInputError], str]] = [
        ({"traits": {"x": "y" * 40_000}}, TooLargeError, ""),
        ({"traits": {}}, UnacceptableError, "traits"),
        ({"traits": [1]}, UnacceptableError, "traits"),
        ({"traits": {"a": 1}, "identifiers": []}, UnacceptableError, "identifiers"),
        ([], UnacceptableError, "traits"),
    ]
    for body, error, path in cases:
        with pytest.raises(error) as caught:
            room.desk.change(room.request("user_id:ann", body))
        assert path in (caught.value.path, *(problem.path for problem in caught.value.problems))
    assert not room.world.queue.envelopes


def test_a_change_by_who_read_something_else_is_refused(room: StaffRoom) -> None:
    """`If-Match` with another tag refuses; with the tag or a star it goes on."""
    tag = room.desk.profile(room.request("user_id:ann")).headers["etag"]
    change = {"traits": {"plan": "gold"}}
    assert room.desk.change(room.request("user_id:ann", change, headers={"if-match": tag})).status == 202
    assert room.desk.change(room.request("user_id:ann", change, headers={"if-match": "*"})).status == 202
    for other in ('"another"', f"W/{tag}", ""):
        with pytest.raises(PreconditionFailedError):
            room.desk.change(room.request("user_id:ann", change, headers={"if-match": other}))


def many_events(room: StaffRoom, count: int) -> None:
    """Events of Ann under two identifiers, three to a millisecond, some ids under both."""
    for number in range(count):
        at = NOON + timedelta(milliseconds=number // 3)
        who = Identifier("user_id", "ann") if number % 2 else Identifier("email", "ann@example.com")
        message_id = MessageId(f"n{number // 2 if number % 5 else number}")
        room.world.events.add(Event(message_id, "track", "Viewed", "web", at, at, (who,), {"messageId": message_id}))


def pages(room: StaffRoom, limit: int, between: Any = None) -> list[tuple[str, str]]:
    found, query = list[tuple[str, str]](), {"limit": str(limit)}
    while True:
        page = room.events("user_id:ann", **query)
        assert len(page["events"]) == limit or page["cursor"] is None
        found += [(event["message_id"], event["timestamp"]) for event in page["events"]]
        if page["cursor"] is None:
            return found
        query["cursor"] = page["cursor"]
        if between:
            between(len(found))


def test_paging_through_ten_thousand_events_loses_and_repeats_none() -> None:
    """Every event comes once, newest first, whatever the page size, also where many share a millisecond."""
    room = StaffRoom()
    room.happened({"userId": "ann", "context": {"traits": {"email": "ann@example.com"}}})
    many_events(room, 10_000)
    stored = sorted((a.event.message_id, a.event.timestamp) for a in room.world.events.stream)
    found = pages(room, 100)
    assert len(found) == len(stored) > 9_000
    assert sorted(message_id for message_id, _ in found) == [message_id for message_id, _ in stored]
    times = [at for _, at in found]
    assert times == sorted(times, reverse=True)


def test_pages_stay_exact_while_events_arrive() -> None:
    """Events that are added between two pages neither push out nor repeat an older one."""
    room = StaffRoom()
    room.happened({"userId": "ann", "context": {"traits": {"email": "ann@example.com"}}})
    many_events(room, 60)
    before = {arrival.event.message_id for arrival in room.world.events.stream}

    def add(position: int) -> None:
        room.happened({"userId": "ann", "messageId": f"late-{position}"})

    found = [message_id for message_id, _ in pages(room, 7, add) if not message_id.startswith("late")]
    assert set(found) == before
    assert len(found) == len([a for a in room.world.events.stream if a.event.message_id in before])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "ten"}, {"limit": ""}, {"limit": "٣"},
        {"limit": "1" * 5_000}, {"cursor": ""}, {"cursor": "x"}, {"cursor": "ł"}, {"cursor": "AAAA"},
        {"cursor": "MDAwMDAwMDAwMDAwMDAwI2E"}, {"cursor": "=" * 10},
    ],
)  # fmt: skip
def test_pages_that_do_not_exist_are_refused(room: StaffRoom, query: dict[str, str]) -> None:
    """A limit out of range and a cursor of nobody's are told by name."""
    with pytest.raises(MalformedBodyError) as caught:
        room.events("user_id:ann", **query)
    assert caught.value.path == next(iter(query))
    assert caught.value.code in ("bad_limit", "bad_cursor")


def test_an_export_holds_everything_oldest_first(room: StaffRoom) -> None:
    """Profile, consent, identity, runs, messages and every event as it was sent, staff's words too."""
    room.world.put_journey("basket", entry={"event": "Product Added"})
    room.happened(
        {"userId": "ann", "event": "Product Added", "properties": {"sku": "1"}},
        {"userId": "ann", "event": "Subscribed", "properties": {"channel": "email"}},
        {"userId": "ann", "anonymousId": "browser"},
    )
    room.world.advance(days=2)
    room.split("user_id:ann", {"identifiers": ["anonymous_id:browser"], "reason": "not hers"})
    exported = shown(room.desk.export(room.request("email:ann@example.com")))
    assert exported["cursor"] is None
    assert exported["profile"] == room.profile("user_id:ann")
    assert exported["identity"] == room.explain("user_id:ann")
    assert exported["consent"]["email/*"]["status"] == "granted"
    assert [run["journey"] for run in exported["runs"]] == ["basket"]
    assert {message["run_id"] for message in exported["messages"]} == {exported["runs"][0]["run_id"]}
    members = room.world.customer("user_id:ann").profile.members
    held = [a.event for a in room.world.events.stream if a.event.node_id in members]
    assert [event["message_id"] for event in exported["events"]] == [
        event.message_id for event in sorted(held, key=lambda event: event.timestamp)
    ]
    assert exported["events"][-1]["call"]["properties"]["reason"] == "not hers"


def test_an_export_goes_on_where_the_page_was_full() -> None:
    """Pages have the size they promise, hold one event at least, and lose or repeat none."""
    room = StaffRoom()
    room.happened({"userId": "ann", "context": {"traits": {"email": "ann@example.com"}}})
    many_events(room, 100)
    customer: Customer = room.world.customer("user_id:ann")
    for most_bytes in (1, 3_000, 10_000):
        desk = ExportDesk(room.world.events, room.world.runs, room.world.journeys.deployment(), most_bytes)
        found, cursor, sizes = list[tuple[str, str]](), None, list[int]()
        while True:
            page = desk.export(customer, cursor, NOON)
            assert ("profile" in page) == (cursor is None)
            found += [(event["message_id"], event["identifiers"][0]) for event in page["events"]]
            sizes += [len(json.dumps(page["events"]))] if cursor else []
            cursor = page["cursor"]
            if cursor is None:
                break
            assert page["events"] or "profile" in page
        assert max(sizes) <= max(most_bytes, 500)
        assert len(found) == len(set(found)) == len(room.world.events.stream)


@pytest.mark.parametrize(
    "reference",
    [
        "email:ann@example.com", "email: ANN@Example.COM ", "Email:ann@example.com", "EMAIL:ANN@EXAMPLE.COM",
        "email:mailto:ann@example.com", "email:ann@example.com.", "user_id:ann", "userId:ann", "user-id:ann",
        "phone:+48601234567", "phone:+48 601-234-567", "phone:601 234 567", "phone:(601) 234567",
        "phone:0048601234567", "Phone: 601234567", "phone:tel:+48-601-234-567", "user_id: ann ",
    ],
)  # fmt: skip
def test_a_customer_is_found_however_the_name_is_written(room: StaffRoom, reference: str) -> None:
    """Case, spaces, formats of numbers and programs' spellings do not matter."""
    assert "user_id:ann" in room.identifiers(reference)


def test_every_id_a_customer_ever_had_finds_them(room: StaffRoom) -> None:
    """With or without its prefix, in capitals too; also the id of a customer who was merged away."""
    old = room.profile("user_id:bob")["profile_id"]
    room.link("user_id:ann", "user_id:bob", "include")
    for reference in (old, f"profile_id:{old}", f"profile_id: {old.upper()} ", f"profileId:{old}"):
        assert "user_id:ann" in room.identifiers(reference)


@pytest.mark.parametrize(
    "value", ["a/b", "a:b", "a%2Fb", "100%", "#1", "?x=1", "żółć", "👩‍👩‍👧", "a b", "'\"<>", "..", "\\"]
)
def test_odd_values_are_identifiers_like_any(value: str) -> None:
    """Whatever a shop calls its customers finds them again, and only them."""
    room = StaffRoom()
    room.happened({"userId": value}, {"context": {"externalIds": [{"type": "card no", "id": value}]}})
    assert room.identifiers(f"user_id:{value}") == {f"user_id:{value}"}
    assert room.identifiers(f"card no:{value}") == {f"card no:{value}"}


@pytest.mark.parametrize(
    "reference",
    [
        "", ":", "profile_id:", "profile_id:CONFIG", "CONFIG", "profile_id:M#1", "ann", "user_id:", "user_id:null",
        "email:ann", "phone:12", "user_id:" + "x" * 600, "profile_id:" + "x" * 5_000, "user_id:nobody", "\x00:\x00",
        "a\x00:b", "*", "%", "email:ann@example.com,bob@example.com", "{id}", "profile_id:" + "a" * 26, "\ud800:x",
    ],
)  # fmt: skip
def test_who_is_not_there_is_answered_with_the_remedy(room: StaffRoom, reference: str) -> None:
    """Unknown, empty and hostile names are 404, never a fault, and say how a name is written."""
    with pytest.raises(NotFoundError, match="write type:value, URL-encoded") as caught:
        room.profile(reference)
    assert caught.value.status == 404
    assert len(caught.value.message) < 400


def test_a_member_known_from_edges_alone_has_a_profile() -> None:
    """An address that no event has as its strongest identifier is found, and once split it stands alone."""
    room = StaffRoom()
    room.happened(ANN)
    assert "user_id:ann" in room.identifiers("email:ann@example.com")
    left = room.split("user_id:ann", {"identifiers": ["email:ann@example.com"]})["profiles"][1]
    assert room.profile("email:ann@example.com") == left
    assert identifiers(left) == {"email:ann@example.com"}
    assert left["counters"]["events"] == 0
    assert room.events("email:ann@example.com") == {"events": [], "cursor": None}
