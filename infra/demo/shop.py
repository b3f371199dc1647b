"""The shop's channels: each does what it would in production, over the SDK or the plain HTTP calls it would use.

| channel | speaks through |
|---|---|
| the site's pages | the browser's short path `/v1/p`, anonymous |
| the site's server, the app | Segment's own Python SDK, batching |
| till, kiosk, call centre | plain HTTP, one call each |
| marketer | the staff API; Step Functions' own StartExecution |
| the customer with a message | opens links, taps, unsubscribes by the mail's header, bounces |
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx
from segment.analytics.client import Client

from infra.demo.people import Person
from infra.local_client import StackClient, UnexpectedAnswerError

CURRENCY: Final = "USD"
KIOSK: Final = "kiosk-at-the-door"
_UPLOAD_EVERY_S: Final = 0.02
_RETRIES: Final = 2


class StoryError(Exception):
    """The story cannot go on: something that had to be there was not."""


class Shop:
    """Every channel of one shop, on one stack."""

    def __init__(self, stack: StackClient, journey: str) -> None:
        """Channels that post to `stack`; `journey` is the one started by hand."""
        self.stack = stack
        self._journey = journey
        self._refused: list[str] = []
        self._site = self._sdk("local-server")
        self._app = self._sdk("local-app")

    def flush(self) -> None:
        """Wait until the SDKs have delivered.

        Raises:
            StoryError: the stack refused a batch.
        """
        self._site.flush()
        self._app.flush()
        if self._refused:
            raise StoryError(f"the SDK could not deliver: {self._refused[0]}")

    def close(self) -> None:
        """Stop the SDKs' threads."""
        self._site.join()
        self._app.join()

    def browse(self, person: Person, path: str) -> None:
        """A page view before login: only the browser's anonymous id is known."""
        page = {"anonymousId": person.anonymous_id, "properties": {"url": f"https://shop.example.com{path}"}}
        self.stack.post("/v1/p", page, "local-web")

    def log_in(self, person: Person) -> None:
        """The site's server says who the browser is."""
        self._site.identify(person.user_id, traits(person), anonymous_id=person.anonymous_id)

    def install_app(self, person: Person) -> None:
        """The app's first start, logged in, with its push token."""
        self._app.track(person.user_id, "Application Installed", {"version": "1.0"}, context=_device(person))

    def add_to_cart(self, person: Person, cart: str, total: Decimal) -> None:
        """A product into the basket on the site."""
        self._site.track(person.user_id, "Product Added", _basket(cart, total))

    def add_to_cart_at_kiosk(self, person: Person, cart: str, total: Decimal) -> None:
        """A product into the basket on the shop's kiosk, which all its visitors share."""
        self._at("local-kiosk", person, "Product Added", _basket(cart, total), anonymousId=KIOSK)

    def look_up_at_kiosk(self, person: Person) -> None:
        """A look at the kiosk, the same one for everybody."""
        self._at("local-kiosk", person, "Product Viewed", {"sku": "lamp-7"}, anonymousId=KIOSK)

    def order(self, person: Person, cart: str, total: Decimal) -> None:
        """An order on the site."""
        self._site.track(person.user_id, "Order Completed", _ordered(cart, total))

    def order_in_app(self, person: Person, cart: str, total: Decimal) -> None:
        """An order in the app."""
        self._app.track(person.user_id, "Order Completed", _ordered(cart, total), context=_device(person))

    def order_by_phone(self, person: Person, cart: str, total: Decimal) -> None:
        """An order that the call centre takes."""
        self._at("local-callcentre", person, "Order Completed", _ordered(cart, total))

    def pay_at_till(self, person: Person, cart: str, total: Decimal, *, times: int = 1) -> None:
        """A purchase in the shop, known by the phone number alone; sent again where the till's line was bad."""
        for _ in range(times):
            call = {"messageId": f"till-{cart}"}
            self._at("local-pos", person, "Order Completed", _ordered(cart, total), only="phone", **call)

    def call_centre_meets(self, person: Person) -> None:
        """The call centre writes down who called."""
        self.stack.identify("local-callcentre", traits=traits(person))

    def start_by_api(self, person: Person) -> None:
        """Staff start the journey with one call."""
        self.stack.start(self._journey, person.reference)

    def start_again_by_api(self, person: Person) -> None:
        """Staff start the journey although it is under way, and are refused.

        Raises:
            StoryError: it was refused for another reason.
        """
        path = f"/v1/journeys/{self._journey}/runs"
        refusal = self.stack.staff("POST", path, {"profile": person.reference}, status=409)
        if "still live" not in refusal["message"]:
            raise StoryError(f"a second start was refused for another reason: {refusal['message']}")

    def start_by_console(self, person: Person) -> None:
        """A marketer starts the state machine as in the Step Functions console."""
        machine = self.stack.step_functions("ListStateMachines", {})["stateMachines"][0]["stateMachineArn"]
        given = {"journey": self._journey, "profile": person.reference}
        self.stack.step_functions("StartExecution", {"stateMachineArn": machine, "input": json.dumps(given)})

    def tap(self, person: Person) -> None:
        """The customer taps the latest push."""
        self.stack.act(self._latest(person, "push"), "tap")

    def click(self, person: Person, channel: str) -> None:
        """The customer follows the link of the latest message of a channel."""
        self.stack.act(self._latest(person, channel), "click")

    def bounce(self, person: Person) -> None:
        """The mailbox does not exist."""
        self.stack.act(self._latest(person, "email"), "bounce")

    def unsubscribe(self, person: Person) -> None:
        """The mail program's one-click unsubscribe (RFC 8058).

        Raises:
            StoryError: the stack refused it.
        """
        link = self._latest(person, "email")["headers"]["List-Unsubscribe"].strip("<>")
        answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"})
        if answer.status_code != 200:
            raise StoryError(f"unsubscribing answered {answer.status_code}: {answer.text}")

    def _at(self, source: str, person: Person, event: str, properties: Mapping[str, Any], **more: Any) -> None:
        only = more.pop("only", None)
        known = {key: value for key, value in traits(person).items() if key in {"phone", "email"}}
        named = {only: known[only]} if only else known
        self.stack.track(event, source, properties=dict(properties), context={"traits": named}, **more)

    def _latest(self, person: Person, channel: str) -> dict[str, Any]:
        found = [message for message in self.stack.messages(channel=channel) if message["to"] in person.addresses]
        if not found:
            raise StoryError(f"{person.name} has no {channel} message to act on at {self.stack.now()}")
        return found[-1]

    def _sdk(self, write_key: str) -> Any:
        def refused(error: object, _batch: object) -> None:
            self._refused.append(f"{write_key}: {error}")

        return Client(
            write_key,
            host=self.stack.url,
            gzip=True,
            on_error=refused,
            max_retries=_RETRIES,
            upload_interval=_UPLOAD_EVERY_S,
        )


def traits(person: Person) -> dict[str, str]:
    """What a person tells of themselves when they log in or call."""
    given = {"first_name": person.name, "email": person.email, "phone": person.phone}
    return {key: value for key, value in given.items() if value}


def reachable_channels(stack: StackClient, person: Person) -> tuple[str, ...]:
    """The channels on which a person can and may be reached at this moment, cheapest first; none for a stranger."""
    try:
        channels: dict[str, Any] = stack.profile(person.reference)["channels"]
    except UnexpectedAnswerError:
        return ()
    return tuple(name for name, state in channels.items() if state["reachable"] and state["consent"] != "denied")


def _device(person: Person) -> dict[str, Any]:
    return {"device": {"type": person.device, "id": f"device-{person.key}", "token": person.token}}


def _basket(cart: str, total: Decimal) -> dict[str, Any]:
    return {"cart_id": cart, "total": float(total), "currency": CURRENCY}


def _ordered(cart: str, total: Decimal) -> dict[str, Any]:
    return {"order_id": f"order-{cart}", **_basket(cart, total)}
