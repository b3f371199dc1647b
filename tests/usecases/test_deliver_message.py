"""One claimed message delivered: what goes out, what holds it back, and who hears of trouble."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from omnicascade.adapters.link_tokens import LinkTokens
from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_senders import MemorySender, MemoryWebhookCaller
from omnicascade.adapters.memory_stores import MemoryEventStore
from omnicascade.domain.deployment import Channel, Deployment, Price
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RetryableSendError,
    SendError,
    UnavailableError,
    UnknownOutcomeError,
)
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.joining import join
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.engine import Send
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import ClickLink, location_of
from omnicascade.domain.projection import Projection
from omnicascade.domain.resolution import Component
from omnicascade.domain.sms import parts
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.deliver_message import LATENESS, MAX_ATTEMPTS, Delivery, PostOffice
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.ports import EmailMessage, PushMessage, SmsMessage
from tests.domain.journeys.journey_builders import ADDRESSES, START, event, journey
from tests.fakes.event_queue import MemoryEventQueue

NODE = NodeId("n1")
NOW = START + timedelta(seconds=1)
PUBLIC_URL = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
RAW = "raw words of a provider about ann@example.com"
TEMPLATES = {
    "cart": Template("cart", Wording(subject="Cart", text="Your basket waits.", url="https://s.example/{{ step.id }}")),
    "plain": Template("plain", Wording(subject="Paid", text="Thank you.")),
    "leave": Template("leave", Wording(subject="Paid", text="Leave: {{ links.unsubscribe }}")),
    "broken": Template("broken", Wording(subject="{{ profile.traits.nickname }}", text="Hi")),
}
ALL_OUT: dict[str, Any] = {"class": "transactional"}


class ArrivedEvents(MemoryEventStore):
    """The events of the one customer there is, at whatever identifier they lie."""

    def arrived(
        self, nodes: Collection[NodeId], names: Collection[str], *, happened_from: datetime, received_from: datetime
    ) -> Sequence[Event]:
        """See `EventStore.arrived`."""
        everywhere = {arrival.event.node_id for arrival in self.stream} if NODE in nodes else ()
        return super().arrived(everywhere, names, happened_from=happened_from, received_from=received_from)


@dataclass
class Templates:
    """A `TemplateStore` of the templates above."""

    def template(self, name: str) -> Template | None:
        return TEMPLATES.get(name)


@dataclass
class Links:
    """A `LinkStore` in memory that can be out of order."""

    kept: dict[str, ClickLink] = field(default_factory=dict[str, ClickLink])
    kept_at: dict[str, datetime] = field(default_factory=dict[str, datetime])
    down: bool = False

    def save(self, code: str, link: ClickLink, now: datetime) -> None:
        if self.down:
            raise UnavailableError("the table is throttled")
        self.kept[code] = link
        self.kept_at[code] = now


@dataclass
class Bench:
    """A post office of fakes, and one message to deliver: the first of a run of `journey`."""

    journey: Journey
    events: ArrivedEvents = field(default_factory=ArrivedEvents)
    queue: MemoryEventQueue = field(default_factory=MemoryEventQueue)
    links: Links = field(default_factory=Links)
    email: MemorySender[EmailMessage] = field(default_factory=MemorySender[EmailMessage])
    sms: MemorySender[SmsMessage] = field(default_factory=MemorySender[SmsMessage])
    push: MemorySender[PushMessage] = field(default_factory=MemorySender[PushMessage])
    told: list[tuple[str, Mapping[str, str]]] = field(default_factory=list[tuple[str, Mapping[str, str]]])

    def __post_init__(self) -> None:
        self.customer = someone()
        run = engine.start(self.journey, run_id="r", person=self.customer.person, key=None, event=None, now=START)
        step = engine.advance(self.journey, run, self.customer.person, Deployment(), START)
        assert step.send is not None
        self.run: Run = step.run
        self.send: Send = step.send

    def deliver(self, attempt: int = 0, deployment: Deployment | None = None) -> Delivery:
        office = PostOffice(
            events=self.events,
            queue=self.queue,
            templates=Templates(),
            renderer=LiquidRenderer(),
            links=LinkTokens(PUBLIC_URL, lambda: "k1"),
            link_store=self.links,
            email=self.email,
            sms=self.sms,
            push=self.push,
            webhooks=MemoryWebhookCaller(),
            notice=lambda what, details: self.told.append((what, details)),
        )
        settings = deployment or Deployment()
        draft = office.writer.draft(self.send, self.run, self.journey, self.customer, settings, NOW)
        return office.deliver(
            self.send,
            draft,
            run=self.run,
            journey=self.journey,
            customer=self.customer,
            deployment=settings,
            attempt=attempt,
            now=NOW,
        )


def someone() -> Customer:
    """A customer with an address on every channel, known by one event."""
    known = replace(event("identify", START - timedelta(days=30)), identifiers=tuple(ADDRESSES.values()))
    projections: dict[NodeId, Projection] = {NODE: fold(Projection(), [known])}
    profile = join(projections)
    assert profile is not None
    return Customer(profile, Component(frozenset({NODE}), (), ()), projections, ())


def bench(channel: str, template: str = "cart", **fields: Any) -> Bench:
    return Bench(journey({"id": "only", channel: {"template": template}}, **fields))


def test_an_sms_is_sent_at_its_price() -> None:
    """The customer's country makes the price, the provider's id is kept, and nobody is troubled."""
    office = bench("sms")
    delivery = office.deliver(deployment=Deployment(prices={"sms.PL": Price(Decimal("0.03"), "EUR")}))
    assert (delivery.outcome, delivery.provider_id) == ("sent", "memory-1")
    assert delivery.cost == Price(Decimal("0.03"), "EUR")
    assert office.sms.sent[0].to == "+48601234567"
    assert office.told == []


@pytest.mark.parametrize("channel", ["email", "push"])
def test_other_channels_cost_what_the_deployment_says(channel: str) -> None:
    """One message, one price; where the deployment names none, the list price."""
    priced = bench(channel).deliver(deployment=Deployment(prices={channel: Price(Decimal("0.5"))}))
    assert (priced.outcome, priced.cost) == ("sent", Price(Decimal("0.5")))
    listed = bench(channel).deliver(deployment=Deployment(prices={}))
    assert listed.cost is not None
    assert 0 < listed.cost.amount < Decimal("0.001")


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_link_is_short_kept_and_says_nothing(channel: str) -> None:
    """The message shows a short address; what it leads to, and for whom, is kept under its code, once."""
    office = bench(channel)
    office.deliver()
    ((code, link),) = office.links.kept.items()
    assert link == ClickLink(office.send.message_id, office.send.address, "https://s.example/only")
    text = office.email.sent[0].text if channel == "email" else office.sms.sent[0].text
    assert office.links.kept_at == {code: NOW}
    assert f"{PUBLIC_URL}/l/{code}" in text
    assert "s.example" not in text


def test_a_text_message_with_a_link_stays_one_part() -> None:
    """A tracked address leaves room for words in a text message of one part."""
    office = bench("sms")
    office.deliver()
    counted = parts(office.sms.sent[0].text)
    assert counted.parts == 1
    assert counted.units < 110


def test_a_push_leads_straight_there() -> None:
    """An app reports the tap itself: its address is not tracked, and nothing is kept."""
    office = bench("push")
    office.deliver()
    assert office.push.sent[0].url == "https://s.example/only"
    assert office.links.kept == {}


def test_a_repetition_keeps_the_same_link() -> None:
    """Another attempt at the same message does not make another address."""
    office = bench("sms")
    office.sms.fail_next(RetryableSendError(RAW))
    with pytest.raises(RetryableSendError):
        office.deliver()
    before = dict(office.links.kept)
    office.deliver(attempt=1)
    assert office.links.kept == before


def test_nothing_goes_out_with_a_link_that_leads_nowhere() -> None:
    """While links cannot be kept, the claim is given back and the provider is not called."""
    office = bench("sms")
    office.links.down = True
    with pytest.raises(UnavailableError):
        office.deliver()
    assert office.sms.attempts == 0


def test_the_last_look_finds_an_exit_event() -> None:
    """An order stored after the decision still stops the message, and the run ends by it."""
    office = bench("sms", exit=[{"event": "Order Completed"}])
    ordered = event("Order Completed", START, happened=START - LATENESS)
    office.events.add(ordered)
    delivery = office.deliver()
    assert (delivery.outcome, delivery.ended_by) == ("withdrawn", ordered)
    assert office.sms.attempts == 0


def test_events_of_the_past_stop_nothing() -> None:
    """What arrived before the run began, or happened long before it, is another story."""
    office = bench("sms", exit=[{"event": "Order Completed"}])
    office.events.add(event("Order Completed", START - timedelta(seconds=1)))
    office.events.add(event("Order Completed", event_id="m2", happened=START - LATENESS - timedelta(seconds=1)))
    assert office.deliver().outcome == "sent"


@pytest.mark.parametrize(
    ("properties", "outcome"),
    [
        ({"channel": "email", "topic": "promotions"}, "withdrawn"),
        ({"channel": "email", "topic": "*"}, "withdrawn"),
        ({"channel": "email", "topic": "news"}, "sent"),
        ({"channel": "sms", "topic": "*"}, "sent"),
    ],
)
def test_the_last_look_finds_a_wish_to_leave(properties: dict[str, Any], outcome: str) -> None:
    """Leaving this channel or topic stops the message at the last moment; leaving another does not."""
    office = bench("email")
    office.events.add(event("Unsubscribed", START, **properties))
    delivery = office.deliver()
    assert delivery.outcome == outcome
    assert delivery.ended_by is None
    assert office.email.attempts == (1 if outcome == "sent" else 0)


def test_a_complaint_stops_the_next_email() -> None:
    """Marking a message as spam is a wish to leave."""
    office = bench("email")
    office.events.add(event("Email Marked as Spam", START))
    assert office.deliver().outcome == "withdrawn"


@pytest.mark.parametrize(
    ("error", "outcome", "what"),
    [
        (ChannelUnavailableError(RAW), "failed", "channel_unavailable"),
        (UnknownOutcomeError(RAW), "unknown", "outcome_unknown"),
    ],
)
def test_faults_of_ours_are_told(error: SendError, outcome: str, what: str) -> None:
    """The cascade goes on, and whoever runs the deployment hears what happened where, without the provider's words."""
    office = bench("sms")
    office.sms.fail_next(error)
    delivery = office.deliver()
    assert (delivery.outcome, delivery.reason) == (outcome, RAW)
    assert office.told == [
        (
            what,
            {"channel": "sms", "journey": "j", "step": "only", "template": "cart", "error": type(error).__name__},
        )
    ]
    assert office.queue.calls == []


def test_a_dead_address_is_said_on_the_road() -> None:
    """`Message Failed` is queued about the address, so that the fold suppresses it; that is no fault of ours."""
    office = bench("sms")
    office.sms.fail_next(PermanentAddressError("no such number"))
    assert office.deliver().outcome == "failed"
    (call,) = office.queue.calls
    assert (call["event"], call["messageId"]) == ("Message Failed", f"failed:{office.send.message_id}")
    assert call["properties"]["permanent"] is True
    assert call["context"] == {"traits": {"phone": "+48601234567"}}
    assert office.told == []


def test_a_refusal_for_now_is_raised_until_patience_ends() -> None:
    """Every attempt but the last gives the claim back; the last gives up, aloud."""
    office = bench("email")
    for attempt in range(MAX_ATTEMPTS):
        office.email.fail_next(RetryableSendError(RAW))
        with pytest.raises(RetryableSendError):
            office.deliver(attempt)
    assert office.told == []
    office.email.fail_next(RetryableSendError(RAW))
    assert office.deliver(MAX_ATTEMPTS).outcome == "failed"
    assert [(what, details["error"]) for what, details in office.told] == [("message_given_up", "RetryableSendError")]
    assert RAW not in str(office.told)


def test_a_template_that_makes_no_message_is_told() -> None:
    """The provider is not called, and the notice names the template's field."""
    office = bench("email", "broken")
    assert office.deliver().outcome == "failed"
    assert office.email.attempts == 0
    ((what, details),) = office.told
    assert (what, details["template"], details["field"]) == ("message_not_rendered", "broken", "email.subject")


def test_a_template_that_is_not_there_is_told() -> None:
    """A journey that names no template of ours fails the message, not the run."""
    office = bench("sms", "absent")
    delivery = office.deliver()
    assert (delivery.outcome, delivery.reason) == ("failed", "there is no template absent")
    assert office.told[0][1]["template"] == "absent"


def test_advertisements_by_email_carry_the_one_click_way_out() -> None:
    """Marketing e-mail has both headers of RFC 8058 and shows the way out, whatever its template says."""
    office = bench("email", "plain")
    office.deliver()
    (mail,) = office.email.sent
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = mail.headers["List-Unsubscribe"].strip("<>")
    assert url.startswith(f"{PUBLIC_URL}/u/")
    assert url in mail.text
    assert url in mail.html


def test_a_receipt_by_email_is_no_advertisement() -> None:
    """Transactional e-mail has neither the headers nor a footer."""
    office = bench("email", "plain", **ALL_OUT)
    office.deliver()
    (mail,) = office.email.sent
    assert mail.headers == {}
    assert "/u/" not in mail.text + mail.html


def test_a_receipt_can_still_show_a_way_out() -> None:
    """A template of a transactional journey may name `links.unsubscribe`: it is there and works."""
    office = bench("email", "leave", **ALL_OUT)
    assert office.deliver().outcome == "sent"
    (mail,) = office.email.sent
    url = mail.text.removeprefix("Leave: ")
    assert location_of(url) == url
    said = LinkTokens(PUBLIC_URL, lambda: "k1").read_unsubscribe(url.rpartition("/")[2])
    assert (said.customer, said.channel, said.topic) == (office.send.address, Channel.EMAIL, "transactional")
    assert mail.headers == {}


def test_a_text_message_says_whether_it_is_an_advertisement() -> None:
    """The provider is told the class of the journey, and an e-mail's tags lead feedback back to its message."""
    for fields, transactional in (({}, False), (ALL_OUT, True)):
        office = bench("sms", **fields)
        office.deliver()
        assert office.sms.sent[0].transactional is transactional
    office = bench("email")
    office.deliver()
    assert office.email.sent[0].tags == {
        "journey": "j",
        "run": "r",
        "step": "only",
        "message": office.send.message_id,
    }
