"""What a reader is told of who a customer is."""

from typing import Any

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier
from tests.identity_streams import T0, Posted
from tests.usecases.identity_road import Road

SITE = Source("site", "web")


def posted(*calls: dict[str, Any]) -> list[Posted]:
    return [
        Posted(SITE, {"messageId": f"m-{n}", "timestamp": T0.replace(minute=n).isoformat(), "event": "e", **call})
        for n, call in enumerate(calls)
    ]


def named(road: Road, user: str) -> list[str]:
    customer = road.find(Identifier("user_id", user).node_id)
    assert customer
    return [str(known.identifier) for known in customer.profile.identifiers]


ALIAS = {"type": "alias", "userId": "new", "previousId": "old"}


def test_an_alias_of_a_user_names_no_anonymous_id() -> None:
    """`previousId` is proposed as both kinds; once it is known for a user, nobody is told the other reading."""
    road = Road().run(posted({"type": "identify", "userId": "old", "anonymousId": "a"}, ALIAS))
    assert named(road, "new") == ["user_id:new", "user_id:old", "anonymous_id:a"]


def test_an_alias_of_a_visitor_names_no_user() -> None:
    """The other way round, whoever comes first."""
    for calls in ([{"type": "track", "anonymousId": "old"}, ALIAS], [ALIAS, {"type": "track", "anonymousId": "old"}]):
        assert named(Road().run(posted(*calls)), "new") == ["user_id:new", "anonymous_id:old"]


def test_an_alias_of_a_stranger_names_one_thing() -> None:
    """Nobody knows what kind it is: it is shown once."""
    assert named(Road().run(posted(ALIAS)), "new") == ["user_id:new", "anonymous_id:old"]


def test_one_value_that_is_both_is_shown_as_both() -> None:
    """A client that uses one id for the visitor and the user did name both."""
    both = {"type": "identify", "userId": "old", "anonymousId": "old"}
    assert named(Road().run(posted(both, ALIAS)), "new") == ["user_id:new", "user_id:old", "anonymous_id:old"]
