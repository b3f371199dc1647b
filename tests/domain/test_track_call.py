"""The platform's own calls."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier, identifiers_of
from omnicascade.domain.track_call import track_call

AT = datetime(2026, 3, 10, 12, 0, 0, 120_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "identifier",
    [
        Identifier("user_id", "42"),
        Identifier("anonymous_id", "a-1"),
        Identifier("email", "ann@example.com"),
        Identifier("phone", "+48601234567"),
        Identifier("ios.push_token", "t1"),
        Identifier("android.push_token", "t2"),
        Identifier("loyalty_card", "7001"),
    ],
    ids=str,
)
def test_the_named_customer_is_read_back(identifier: Identifier) -> None:
    """Whoever a call is about is exactly whom the intake's reading of it finds."""
    call = track_call("X", about=identifier, message_id="m", at=AT, properties={})
    assert identifiers_of(call, Source("site", "web")) == (identifier,)


def test_a_call_is_complete_and_leaves_out_what_is_unknown() -> None:
    """Type, id and UTC time are there; properties without a value are not."""
    warsaw = AT.astimezone(timezone(timedelta(hours=1)))
    call = track_call("X", about=Identifier("user_id", "1"), message_id="m", at=warsaw, properties={"a": 1, "b": None})
    assert call == {
        "type": "track",
        "event": "X",
        "messageId": "m",
        "timestamp": "2026-03-10T12:00:00.120+00:00",
        "properties": {"a": 1},
        "userId": "1",
    }
