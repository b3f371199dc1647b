"""The API's description: valid, complete, and true to what the code takes and answers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from importlib.resources import files
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from omnicascade.contracts import INTAKE_PATHS, ROUTES
from omnicascade.domain.deployment import Channel, Deployment, Price
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import ALIAS, Edge
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.intake import accept
from omnicascade.domain.joining import join
from omnicascade.domain.journeys.run import Decision, LedgerEntry, Run
from omnicascade.domain.projection import Projection
from omnicascade.domain.resolution import Component, Refusal
from omnicascade.domain.template_definition import load_template
from omnicascade.domain.templates import to_json
from omnicascade.usecases.change_consent import change_consent
from omnicascade.usecases.explain_customer import explain_response
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.page_events import timeline_response
from omnicascade.usecases.read_customer import consent_response, profile_response
from omnicascade.usecases.show_runs import message_response, run_response
from omnicascade.usecases.store_ports import Page, SentMessage
from tests.fakes.event_queue import MemoryEventQueue
from tests.usecases.staff_room import StaffRoom, shown

DOCUMENT: dict[str, Any] = json.loads(files("omnicascade").joinpath("openapi.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ANN = Identifier("email", "ann@example.com")
TILL = Identifier("user_id", "42")
METHODS = ("get", "put", "post", "delete", "options", "patch", "head")


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    place: Any = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        place = place[part]
    return place


def problems(schema: str, value: object, *, closed: bool = False) -> list[str]:
    """What a schema says against a value; `closed`: members that it does not name are wrong as well."""
    schemas = _closed(DOCUMENT["components"]["schemas"]) if closed else DOCUMENT["components"]["schemas"]
    root = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
    validator: Any = Draft202012Validator(root)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(child) for child in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _closed(child) for name, child in cast("dict[str, Any]", schema).items()}
    named = parts.get("type") == "object" and "properties" in parts
    return {"additionalProperties": False, **parts} if named else parts


def documented_bodies() -> Iterator[tuple[str, str, object]]:
    """(route, media type, body) of every example request."""
    for route, operation in operations():
        content = resolved(operation.get("requestBody", {})).get("content", {})
        for media, described in content.items():
            shown = [example["value"] for example in described.get("examples", {}).values()]
            shown += [described["example"]] if "example" in described else []
            yield from ((route, media, body) for body in shown)


def documented_answers() -> Iterator[tuple[str, str, Any, object]]:
    """(route, status, schema, body) of every example answer."""
    for route, operation in operations():
        for status, answer in operation["responses"].items():
            described = resolved(answer).get("content", {}).get("application/json", {})
            shown = [example["value"] for example in described.get("examples", {}).values()]
            shown += [described["example"]] if "example" in described else []
            yield from ((route, status, described["schema"], body) for body in shown)


def test_the_document_is_valid_and_of_this_version() -> None:
    """It follows OpenAPI 3.1 and carries the package's version."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["version"] == version("omnicascade")


def test_exactly_the_routes_of_the_contract_are_described() -> None:
    """No route is missing, and none is promised that does not exist."""
    served = {route.key for route in ROUTES if route.key != "$default" and not route.key.startswith("OPTIONS ")}
    assert {key for key, _ in operations()} == served


def test_what_each_route_asks_of_its_callers_is_said() -> None:
    """Staff routes name the staff schemes, and only they do."""
    staff = {route.key for route in ROUTES if route.auth == "staff"}
    assert {key for key, operation in operations() if {"staffJwt": list[str]()} in operation["security"]} == staff
    names = {name for _, operation in operations() for scheme in operation["security"] for name in scheme}
    assert names == set(DOCUMENT["components"]["securitySchemes"])


def test_every_intake_path_shows_a_call_that_is_accepted() -> None:
    """Copying an example from the document works."""
    shown = {route.removeprefix("POST "): body for route, _, body in documented_bodies() if route[5:] in INTAKE_PATHS}
    assert shown.keys() == INTAKE_PATHS.keys()
    for path, body in shown.items():
        accepted = accept(INTAKE_PATHS[path], body, received_at=NOW, new_id=lambda: "made-up")
        assert accepted.calls
        assert not accepted.rejected


def test_example_bodies_follow_their_schemas() -> None:
    """What the document shows is what it describes."""
    for route, media, body in documented_bodies():
        if media != "application/json":
            continue
        schema = resolved(dict(operations())[route]["requestBody"])["content"][media]["schema"]
        assert problems(schema["$ref"].rpartition("/")[2], body) == [], route


def test_example_answers_follow_their_schemas() -> None:
    """The same of the answers."""
    answers = list(documented_answers())
    assert len(answers) > 30
    for route, status, schema, body in answers:
        assert problems(schema["$ref"].rpartition("/")[2], body, closed=True) == [], f"{route} {status}"


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("Track", {"userId": "42"}),
        ("Batch", {"batch": []}),
        ("Batch", {"batch": [{"type": "track", "userId": "42"}]}),
        ("Batch", {"batch": [{"type": "trace", "userId": "42", "event": "A"}]}),
        ("Group", {"userId": "42"}),
        ("ConsentChange", {"fax/promotions": "granted"}),
        ("ConsentChange", {"email/promotions": "perhaps"}),
        ("RunsWanted", {}),
        ("Split", {}),
        ("Split", {"identifiers": []}),
        ("Split", {"identifiers": ["a:b"], "edges": [{"from": "a:b", "to": "c:d"}]}),
        ("Link", {"with": "user_id:1", "rule": "merge"}),
        ("TraitsChange", {"traits": {}}),
        ("Error", {"message": "Not Found"}),
    ],
)
def test_schemas_refuse_what_the_code_refuses(schema: str, body: object) -> None:
    """A client generated from the document finds these mistakes before it sends."""
    assert problems(schema, body)


class Events:
    """A timeline of one event."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def timeline(self, *_: object, **_more: object) -> Page:
        return Page([self._event], "000001#ab")


def customer() -> tuple[Customer, Event]:
    """Ann, who bought once, subscribed, and was given a name that was refused."""
    properties = {"revenue": 12.5, "channel": "email", "topic": "promotions"}
    context = {"traits": {"name": "Ann"}}
    order, word = (
        Event(
            MessageId(name), "track", name, "web", NOW, NOW, (TILL, ANN),
            {"messageId": name, "event": name, "properties": properties, "context": context, "traits": {"vip": True}},
        )
        for name in ("Order Completed", "Subscribed")
    )  # fmt: skip
    projections = {TILL.node_id: fold(Projection(), [order, word])}
    profile = join(projections)
    assert profile
    edge = Edge(TILL, ANN, NOW, MessageId("m1"))
    refused = Refusal(
        Edge(TILL, Identifier("user_id", "43"), NOW, MessageId("m2"), ALIAS), "known_users", "known before"
    )
    component = Component(frozenset({TILL.node_id, ANN.node_id}), (edge,), (refused,))
    return Customer(profile, component, projections, ()), order


def test_what_the_code_says_of_a_customer_is_as_described() -> None:
    """Profile, timeline, explanation and consent have exactly the members that the document names."""
    ann, event = customer()
    events: Any = Events(event)
    assert problems("Profile", profile_response(ann.profile, Deployment()), closed=True) == []
    assert problems("ConsentReport", consent_response(ann.profile), closed=True) == []
    assert problems("Explanation", explain_response(ann, events, DEFAULT_RULES), closed=True) == []
    assert problems("Timeline", timeline_response(ann, events, {"limit": "1"}), closed=True) == []


@pytest.fixture(scope="module")
def split_room() -> StaffRoom:
    """A customer with a run and a message, after what the document shows: a split, a word, and traits by staff."""
    room = StaffRoom()
    room.world.put_journey("basket", entry={"event": "Product Added"})
    who = {"userId": "42", "context": {"traits": {"email": "ann@example.com", "phone": "+48601234567"}}}
    room.happened(who, {"userId": "42", "anonymousId": "browser"}, {"event": "Product Added", **who})
    room.world.advance(days=2)
    return room


def example(route: str, number: int = 0) -> Any:
    return [body for shown_route, _, body in documented_bodies() if shown_route == route][number]


def test_what_staff_say_and_export_is_as_described(split_room: StaffRoom) -> None:
    """Split, words by hand, search and export take the documented bodies and have exactly the documented members."""
    room, path = split_room, "user_id:42"
    room.happened({"userId": "42", "context": {"externalIds": [{"type": "email", "id": "bob@example.com"}]}})
    edge = room.split(path, example("POST /v1/profiles/{id}/split", 1))
    assert problems("SplitDone", edge, closed=True) == []
    assert problems("SplitDone", room.split(path, example("POST /v1/profiles/{id}/split", 0)), closed=True) == []
    linked = room.desk.link(room.request("anonymous_id:browser", example("PUT /v1/profiles/{id}/links")))
    assert problems("Explanation", linked.body, closed=True) == []
    found = room.desk.search(room.request(query={"email": "ann@example.com", "user_id": "nobody"}))
    assert problems("ProfileList", found.body, closed=True) == []
    exported = shown(room.desk.export(room.request(path)))
    assert problems("Export", exported, closed=True) == []
    assert exported["runs"]
    assert exported["messages"]


def test_every_documented_change_of_traits_is_queued(split_room: StaffRoom) -> None:
    """The examples of PATCH become a call each."""
    route = "PATCH /v1/profiles/{id}"
    bodies: list[Any] = [body for shown_route, _, body in documented_bodies() if shown_route == route]
    assert len(bodies) == 2
    for body in bodies:
        answer = split_room.desk.change(split_room.request("user_id:42", body))
        assert problems("TraitsQueued", answer.body, closed=True) == []
        assert split_room.world.queue.calls[-1]["traits"] == body["traits"]
    split_room.world.settle()


def test_every_documented_word_of_consent_is_understood() -> None:
    """The examples of PUT consent queue an event each."""
    ann, _ = customer()
    bodies = [body for route, _, body in documented_bodies() if route == "PUT /v1/profiles/{id}/consent"]
    assert len(bodies) == 2
    for body in bodies:
        queue = MemoryEventQueue()
        queued = change_consent(ann, body, deployment=Deployment(), queue=queue, now=NOW, new_id=lambda: "m")
        assert queued == 1


def test_what_the_code_says_of_runs_and_messages_is_as_described() -> None:
    """A live run, an ended one and a sent message have exactly the members that the document names."""
    sent = LedgerEntry(
        "r-0", "s1", Channel.SMS, "cart", Identifier("phone", "+48601234567"), NOW, "sent", "", "p1",
        Price(Decimal("0.05")), frozenset({"click"}), NOW,
    )  # fmt: skip
    claimed = LedgerEntry("r-1", "s1", Channel.EMAIL, "cart", ANN, NOW)
    decisions = (Decision(NOW, "s1", "sent", "email is next"),)
    live = Run("j_n_r", "j", 1, "p", None, None, NOW, NOW, due=NOW + timedelta(hours=1), ledger=(sent, claimed))
    ended = Run(
        "j_n_r", "j", 1, "p", "c1", None, NOW, NOW, status="ended", outcome="exited", reason="ordered", ended_at=NOW,
        converted_at=NOW, decisions=decisions,
    )  # fmt: skip
    message = SentMessage(
        "p1", "r-0", "r", "j", "s1", "sms", "cart", "p", "+48601234567", NOW, "sent", {"amount": "1", "currency": "USD"}
    )
    assert problems("Run", run_response(live), closed=True) == []
    assert problems("Run", run_response(ended), closed=True) == []
    assert problems("Message", message_response(message), closed=True) == []


def test_the_documented_template_loads() -> None:
    """The example of PUT template is a good one, and is answered as described."""
    bodies = [b for route, m, b in documented_bodies() if route == "PUT /v1/templates/{name}" and m.endswith("json")]
    answer = to_json(load_template(cast("dict[str, Any]", bodies[0])))
    assert problems("Template", answer, closed=True) == []
