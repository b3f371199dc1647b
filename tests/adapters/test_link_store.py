"""Tracked links in the table."""

from datetime import UTC, datetime

import pytest

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import ClickLink
from tests.fakes.aws_wire import wire

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CODE = "abcDEF012_-x"
LINK = ClickLink("run-1-2", Identifier("ios.push_token", "a:b"), "https://s.example/c?a=1#ż")


def test_what_is_saved_is_found() -> None:
    """One write, one read by the code alone, and the link is whole, whatever is in the identifier."""
    table = wire("dynamodb")
    store = DynamoLinkStore(Table(table.client, "t"))
    table.json(200, {})
    store.save(CODE, LINK, NOW)
    item = table.body()["Item"]
    table.json(200, {"Item": item})
    assert store.find(CODE) == LINK
    assert table.body()["Key"] == {"pk": item["pk"], "sk": item["sk"]} == {"pk": {"S": f"L#{CODE}"}, "sk": {"S": "L"}}
    assert len(table.requests) == 2


def test_a_link_expires() -> None:
    """The table is told to drop it 400 days later, in seconds since 1970."""
    table = wire("dynamodb")
    table.json(200, {})
    DynamoLinkStore(Table(table.client, "t")).save(CODE, LINK, NOW)
    assert datetime.fromtimestamp(int(table.body()["Item"]["expires_at"]["N"]), UTC) == datetime(
        2027, 4, 14, 12, tzinfo=UTC
    )


def test_an_unknown_code_is_not_found() -> None:
    """What nobody saved, or what expired, leads nowhere."""
    table = wire("dynamodb")
    table.json(200, {})
    with pytest.raises(NotFoundError):
        DynamoLinkStore(Table(table.client, "t")).find(CODE)


@pytest.mark.parametrize("code", ["", "short", CODE + "y", CODE[:-1] + "é", CODE[:-1] + "/", "a" * 5000, CODE + "\n"])
def test_what_cannot_be_a_code_costs_no_read(code: str) -> None:
    """A path of another shape is turned away before the table is asked."""
    table = wire("dynamodb")
    with pytest.raises(NotFoundError):
        DynamoLinkStore(Table(table.client, "t")).find(code)
    assert table.requests == []


def test_a_table_that_is_down_can_be_asked_again() -> None:
    """Throttling is neither a link that was kept nor one that does not exist."""
    table = wire("dynamodb")
    store = DynamoLinkStore(Table(table.client, "t"))
    for _ in range(2):
        table.json(400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow"})
    with pytest.raises(UnavailableError):
        store.save(CODE, LINK, NOW)
    with pytest.raises(UnavailableError):
        store.find(CODE)
