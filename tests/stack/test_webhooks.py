"""A journey's webhook on the embedded stack: signed, tried again, and never sent to where it may not go."""

import hmac
from base64 import b64decode, b64encode
from typing import Any

import pytest

from omnicascade.adapters.webhook_caller import secret_for
from tests.stack.shop import Shop

HOST = "hooks.example.com"


def _journey(name: str, url: str) -> dict[str, Any]:
    return {"name": name, "class": "transactional", "steps": [{"webhook": {"url": url}}]}


def _started(shop: Shop, name: str, url: str = f"https://{HOST}/orders?shop=1") -> dict[str, Any]:
    """Somebody's run, as it stands when the stack has settled."""
    shop.put_journey(_journey(name, url))
    who = shop.reachable(name)
    status, body = shop.call("POST", f"/v1/journeys/{name}/runs", {"profile": who})
    assert status == 202, body
    shop.stack.settle()
    return shop.runs(name, who)[0]


def _signing_secret(shop: Shop) -> str:
    secrets: Any = shop.stack.clients.secrets
    (secret,) = secrets.list_secrets()["SecretList"]
    return secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]


def test_a_webhook_arrives_signed_and_the_controls_list_it(shop: Shop) -> None:
    """What the receiver needs to verify is there, by the Standard Webhooks specification."""
    _started(shop, "signed-hook")
    status, listed = shop.call("GET", "/local/webhooks")
    assert status == 200
    assert [(one["url"], one["answered"]) for one in listed] == [(f"https://{HOST}/orders?shop=1", 200)]
    (received,) = shop.stack.webhooks.received
    signed = f"{received.id}.{received.headers['webhook-timestamp']}.{received.text}".encode()
    key = secret_for(HOST, _signing_secret(shop).split()[-1])
    assert len(b64decode(b64encode(key))) == 32
    expected = b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert received.headers["webhook-signature"] == f"v1,{expected}"
    assert int(received.headers["webhook-timestamp"]) == int(received.at.timestamp())


@pytest.mark.parametrize("trouble", [503, 429, 0])
def test_a_webhook_is_tried_again_under_the_same_id(shop: Shop, trouble: int) -> None:
    """Overload and silence end by themselves; the receiver knows a repetition by its id."""
    shop.stack.webhooks.script(HOST, trouble, 200)
    before = len(shop.stack.webhooks.received)
    _started(shop, f"retried-hook-{trouble}")
    shop.stack.advance("10m")
    received = shop.stack.webhooks.received[before:]
    assert [one.answered for one in received] == [trouble, 200]
    assert len({one.id for one in received}) == 1


def test_a_host_that_is_not_listed_is_never_called(shop: Shop) -> None:
    """The definition is refused, or the call: nothing leaves either way."""
    before = len(shop.stack.webhooks.received)
    definition = _journey("elsewhere", "https://169.254.169.254/latest/meta-data")
    status, _ = shop.call("PUT", "/v1/journeys/elsewhere", definition)
    assert status == 422
    assert len(shop.stack.webhooks.received) == before
