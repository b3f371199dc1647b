"""What a map may say, and what is said about one that is wrong."""

import pytest

from omnicascade.cli.map_file import check_columns, parse_map
from omnicascade.domain.errors import UnacceptableError

GOOD = """
name: shop-orders
call: track
event: Order Completed
key: [id]
user_id: {column: customer}
"""


def problems_of(text: str) -> dict[str, str]:
    """Path to message of everything wrong with a map."""
    with pytest.raises(UnacceptableError) as caught:
        parse_map(text)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_every_problem_is_listed_with_its_path_and_the_nearest_name() -> None:
    """A mistyped map is mended in one go, not key by key."""
    found = problems_of(
        GOOD
        + """
evnt: x
properties:
  total: {column: amount, typ: number}
  when: {column: day, type: timestamp, zone: Mars/Base}
  paid: {column: paid, type: numbr}
also: [{when: {column: status, inn: [a]}, event: Order Refunded}]
"""
    )
    assert 'did you mean "event"?' in found["evnt"]
    assert 'did you mean "type"?' in found["properties.total.typ"]
    assert "Mars/Base" in found["properties.when.zone"]
    assert "'number'" in found["properties.paid.type"]
    assert 'did you mean "in"?' in found["also[0].when.inn"]


def test_words_of_yaml_1_1_stay_words() -> None:
    """`on`, `no`, dates and times of day are texts: Norway is a country, and a join has its `on`."""
    wanted = parse_map(
        GOOD
        + """
properties: {country: NO, opens: 12:30, day: 2018-01-01, gift: true, count: 3}
skip_when: {column: staff, is: yes}
join: [{file: p.csv, on: {id: order}, sum: {paid: amount}}]
"""
    )
    assert wanted.properties == {"country": "NO", "opens": "12:30", "day": "2018-01-01", "gift": True, "count": 3}
    assert wanted.skip_when is not None
    assert wanted.skip_when.holds({"staff": "yes"})
    assert wanted.join[0].on == {"id": "order"}


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        ("key: [a]", "", "given twice"),
        ("properties: {a: {colum: x}}", "properties.a", 'did you mean "column"?'),
        ("properties: {a: {column: x, scale: 2}}", "properties.a", "need type: number"),
        ("properties: {a: {column: x, zone: UTC}}", "properties.a", "need type: timestamp"),
        ("timestamp: {column: x, format: yyyy}", "timestamp.format", "%d.%m.%Y"),
        ("skip_when: {column: x}", "skip_when", "needs an operator"),
        ("join: [{file: p.csv, on: {id: id}}]", "join[0]", "brings no column"),
        ("join: [{file: p.csv, on: {id: id}, sum: {a: b}, first: {a: b}}]", "join[0]", "same name"),
        ("also: [{call: group, event: X}]", "also[0].group_id", "needs group_id"),
        ("also: [{event: Order Completed}]", "also[0].key", "one messageId"),
        ("group_id: {column: x}", "group_id", "belongs to group calls"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused(more: str, path: str, words: str) -> None:
    """What would send nonsense in silence is an error when the map is read."""
    assert words in problems_of(GOOD + more)[path]


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("name: a\ncall: track\nuser_id: {column: u}", "event", "needs event"),
        ("name: a\ncall: identify\nuser_id: {column: u}\nproperties: {a: b}", "properties", "put it under traits"),
        ("name: a\ncall: identify\ntraits: {plan: {column: p}}", "user_id", "names nobody"),
        ("name: a\ncall: alias\nuser_id: {column: u}", "previous_id", "needs previous_id"),
        ("name: A b\ncall: identify\nuser_id: {column: u}", "name", "pattern"),
        ("- a list", "", "not a YAML mapping"),
        ("name: [", "", "while parsing"),
    ],
)
def test_each_call_needs_what_its_spec_says(text: str, path: str, words: str) -> None:
    """A map is checked against Segment's spec of the call it makes."""
    assert words in problems_of(text)[path]


def test_further_calls_inherit_people_and_times_but_no_bodies() -> None:
    """`also` repeats nothing but what differs."""
    wanted = parse_map(
        GOOD
        + """
timestamp: {column: day}
properties: {a: b}
also: [{event: Order Refunded, key: [id, status]}, {call: identify, traits: {vip: true}}]
"""
    )
    _, refund, person = wanted.calls
    assert (refund.call, refund.fields.key) == ("track", ("id", "status"))
    assert refund.fields.timestamp == wanted.timestamp
    assert refund.fields.user_id == wanted.user_id
    assert refund.fields.properties == {}
    assert (person.label, person.fields.key) == ("identify", ("id",))


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    """The error says which key of the map reads it, the nearest column, and all columns."""
    wanted = parse_map(GOOD + "properties: {total: {column: amout, type: number}}")
    with pytest.raises(UnacceptableError) as caught:
        check_columns(wanted, ["id", "amount", "customer"], "orders.csv")
    (problem,) = caught.value.problems
    assert problem.path == "properties.total"
    assert problem.message == (
        'no column "amout" in orders.csv; did you mean "amount"? (columns: id, amount, customer)'
    )


def test_a_joined_column_must_not_hide_one_of_the_file() -> None:
    """Two columns of one name would make the map ambiguous."""
    wanted = parse_map(GOOD + "join: [{file: p.csv, on: {id: order}, sum: {customer: amount}}]")
    with pytest.raises(UnacceptableError) as caught:
        check_columns(wanted, ["id", "customer"], "orders.csv")
    assert "already in orders.csv" in caught.value.problems[0].message
