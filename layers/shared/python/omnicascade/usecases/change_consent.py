"""Record what a customer said about being written to, as staff heard it: events like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import STAFF_SOURCE
from omnicascade.domain.json_text import mapping
from omnicascade.domain.reach import reach
from omnicascade.domain.spoken import SUBSCRIBED, UNSUBSCRIBED
from omnicascade.domain.track_call import track_call
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.ports import Envelope, EventQueue

_WORDS = {"granted": True, "denied": False}


def change_consent(
    customer: Customer,
    body: object,
    *,
    deployment: Deployment,
    queue: EventQueue,
    now: datetime,
    new_id: Callable[[], str],
) -> int:
    """Queue one event per word and place it must reach; returns how many.

    Args:
        body: `{"email/promotions": "granted"}` or `{"email/promotions": {"status": "denied", "purpose", "proof"}}`,
            bare or under `consent`; `email/*` speaks of every topic.

    Raises:
        UnacceptableError: lists every key and value that is not understood; nothing is queued.
    """
    words = _words(body)
    calls = [
        track_call(
            SUBSCRIBED if said["granted"] else UNSUBSCRIBED,
            about=about,
            message_id=new_id(),
            at=now,
            properties={
                "channel": said["channel"],
                "topic": said["topic"],
                "purpose": said["purpose"],
                "proof": said["proof"],
            },
        )
        for said in words
        for about in _places(customer, said, deployment)
    ]
    queue.put(Envelope(STAFF_SOURCE, now, calls))
    return len(calls)


def _places(customer: Customer, said: Mapping[str, Any], deployment: Deployment) -> Iterator[Identifier]:
    """Where the word must be said: at every identifier that holds a contrary one (they join to the strictest), else at
    the channel's address, else at the customer's strongest identifier."""
    key = f"{said['channel']}/{said['topic']}"
    contrary = [
        projection.seen[node].identifier
        for node, projection in customer.projections.items()
        if key in projection.consent and projection.consent[key].granted != said["granted"] and node in projection.seen
    ]
    if contrary:
        yield from contrary
        return
    address = reach(customer.profile, Channel(said["channel"]), deployment).address
    yield address or customer.profile.identifiers[0].identifier


def _words(body: object) -> list[dict[str, Any]]:
    given = mapping(body)
    given = mapping(given.get("consent")) or given
    words, problems = list[dict[str, Any]](), list[Problem]()
    if not given:
        problems.append(Problem("", "wrong_type", 'expected an object such as {"email/promotions": "granted"}'))
    for key, value in given.items():
        channel, _, topic = key.partition("/")
        if channel not in [c.value for c in Channel] or not topic:
            problems.append(Problem(key, "unknown_channel", "expected email/, sms/ or push/ and a topic, or *"))
            continue
        stated = value if isinstance(value, str) else mapping(value).get("status")
        if stated not in _WORDS:
            problems.append(Problem(key, "unknown_status", "expected granted or denied"))
            continue
        more = mapping(value)
        words.append(
            {
                "channel": channel,
                "topic": topic,
                "granted": _WORDS[stated],
                "purpose": more.get("purpose"),
                "proof": more.get("proof"),
            }
        )
    if problems:
        raise UnacceptableError("the consent is not understood", problems=problems)
    return words
