"""Links followed."""

import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import ClickLink, UnsubscribeLink
from omnicascade.usecases.follow_links import follow_click, leave, show_way_out
from omnicascade.usecases.link_pages import Answer
from tests.fakes.event_queue import MemoryEventQueue

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ANN = Identifier("email", "ann@example.com")


class Links:
    """A `LinkStore` with one good code, and a `LinkReader` for one good token."""

    def __init__(self, *, down: bool = False, topic: str = "promotions <i>", url: str = "https://s.example/ż") -> None:
        self.down = down
        self.topic = topic
        self.url = url

    def find(self, code: str) -> ClickLink:
        self._check(code)
        return ClickLink("run-1-2", ANN, self.url)

    def read_unsubscribe(self, token: str) -> UnsubscribeLink:
        self._check(token)
        return UnsubscribeLink("run-1-2", ANN, "email", self.topic)

    def _check(self, token: str) -> None:
        if self.down:
            raise UnavailableError("the key for links could not be read")
        if token != "good":
            raise NotFoundError("this is no link of ours")


def click(token: str, queue: MemoryEventQueue, links: Links | None = None, *, machine: bool = False) -> Answer:
    return follow_click(token, links=links or Links(), queue=queue, click_id="r-1", machine=machine, now=NOW)


def test_a_click_is_recorded_and_led_on() -> None:
    """The browser goes where the link says; the event is queued first."""
    queue = MemoryEventQueue()
    answer = click("good", queue)
    assert (answer.status, answer.headers["location"]) == (302, "https://s.example/%C5%BC")
    assert answer.headers["cache-control"] == "no-store"
    (call,) = queue.calls
    assert call["event"] == "Message Link Clicked"
    assert call["properties"] == {"message_id": "run-1-2", "url": "https://s.example/ż"}
    assert queue.envelopes[0].source == "feedback"


def test_a_machines_click_is_marked() -> None:
    """A scanner is led on like anybody, and its click says what it is."""
    queue = MemoryEventQueue()
    assert click("good", queue, machine=True).status == 302
    assert queue.calls[0]["properties"]["machine"] is True


@pytest.mark.parametrize(("token", "url"), [("bad", "https://s.example/"), ("good", "javascript:alert(1)")])
def test_a_bad_link_is_a_page_and_no_redirect(token: str, url: str) -> None:
    """Whatever is wrong with a link, nobody is sent anywhere and nothing is recorded."""
    queue = MemoryEventQueue()
    answer = click(token, queue, Links(url=url))
    assert answer.status == 404
    assert "location" not in answer.headers
    assert queue.calls == []


def test_a_customer_is_led_on_even_if_the_click_cannot_be_kept() -> None:
    """The shop is more to the customer than our statistics; the operator hears of the loss."""
    answer = click("good", MemoryEventQueue(down=True))
    assert answer.status == 302
    assert "run-1-2" in answer.trouble


def test_looking_at_the_way_out_changes_nothing() -> None:
    """A GET, which every scanner makes, only shows a form."""
    answer = show_way_out("good", links=Links())
    assert answer.status == 200
    assert '<form method="post">' in answer.body
    assert "promotions &lt;i&gt;" in answer.body
    assert "<i>" not in answer.body


def test_a_post_unsubscribes_and_confirms() -> None:
    """One POST is enough, and the page says what was done."""
    queue = MemoryEventQueue()
    answer = leave("good", everything=False, links=Links(), queue=queue, now=NOW)
    assert answer.status == 200
    assert "no more e-mails about promotions &lt;i&gt;" in answer.body
    assert queue.calls[0]["event"] == "Unsubscribed"
    assert queue.calls[0]["properties"]["topic"] == "promotions <i>"


def test_everything_means_the_whole_channel() -> None:
    """The second button leaves all topics of the channel."""
    queue = MemoryEventQueue()
    answer = leave("good", everything=True, links=Links(), queue=queue, now=NOW)
    assert "no more e-mails." in answer.body
    assert queue.calls[0]["properties"]["topic"] == "*"


def test_posting_twice_is_one_event() -> None:
    """The second press has the first one's message id."""
    queue = MemoryEventQueue()
    for _ in range(2):
        leave("good", everything=False, links=Links(), queue=queue, now=NOW)
    assert len({call["messageId"] for call in queue.calls}) == 1


def test_a_wish_to_leave_is_never_confirmed_before_it_is_kept() -> None:
    """Without the queue the answer is 503 with a time to come back, never a false confirmation."""
    answer = leave("good", everything=False, links=Links(), queue=MemoryEventQueue(down=True), now=NOW)
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert answer.trouble


def test_without_table_or_key_every_link_asks_to_come_back() -> None:
    """What we cannot read is our trouble and temporary."""
    down, queue = Links(down=True), MemoryEventQueue()
    answers = [click("good", queue, down), show_way_out("good", links=down)]
    answers.append(leave("good", everything=False, links=down, queue=queue, now=NOW))
    assert [answer.status for answer in answers] == [503, 503, 503]
    assert all(answer.trouble for answer in answers)


def test_forged_ways_out_are_not_found() -> None:
    """A bad token is a page, for looking and for leaving."""
    queue = MemoryEventQueue()
    assert show_way_out("bad", links=Links()).status == 404
    assert leave("bad", everything=True, links=Links(), queue=queue, now=NOW).status == 404
    assert queue.calls == []


def test_the_pages_need_nothing_from_elsewhere() -> None:
    """No script, no foreign asset; the policy forbids both, allows the form, and its hash is that of the one style."""
    answer = show_way_out("good", links=Links())
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert not re.search(r"<script|<img|<link|src=|url\(|\son\w+=", answer.body)
    style = answer.body.partition("<style>")[2].partition("</style>")[0]
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert '<html lang="en">' in answer.body
    assert answer.body.count("<h1>") == 1


def test_a_link_for_all_topics_has_one_button() -> None:
    """There is nothing to choose when the link leaves everything anyway."""
    assert show_way_out("good", links=Links(topic="*")).body.count("<button") == 1
