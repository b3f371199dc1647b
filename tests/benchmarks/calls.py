"""Calls as a shop's site and app send them: pages, product views, baskets, sign-ups, orders; every customer another."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

WRITE_KEY: Final = "bench-key"
NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
_BROWSER: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1"
)


def calls(count: int, seed: int) -> list[dict[str, Any]]:
    """Calls as the intake accepts them, with `messageId`, `type` and `timestamp`.

    About half are pages, a quarter product events, an eighth each identify calls and orders; 440 to 1,400 bytes.
    """
    chance = random.Random(seed)
    return [_call(chance, seed, position) for position in range(count)]


def _call(chance: random.Random, seed: int, position: int) -> dict[str, Any]:
    who = f"{seed:04d}{position:06d}"
    at = NOON + timedelta(milliseconds=position * 700)
    call: dict[str, Any] = {
        "messageId": f"ajs-next-{chance.getrandbits(128):032x}",
        "anonymousId": f"{chance.getrandbits(64):016x}-{who}",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "context": _context(chance),
    }
    drawn = chance.random()
    if drawn < 0.5:
        return call | {"type": "page", "name": "Product", "properties": call["context"]["page"] | {"category": "Shoes"}}
    if drawn < 0.75:
        name = "Product Added" if chance.random() < 0.3 else "Product Viewed"
        return call | {"type": "track", "event": name, "properties": _product(chance) | {"cart_id": f"cart-{who}"}}
    call["userId"] = f"customer-{who}"
    if drawn < 0.875:
        traits = {"email": f"Customer.{who}@Example.com", "first_name": "Anna", "city": "Wrocław"}
        if chance.random() < 0.5:
            traits["phone"] = f"+48601{chance.randrange(1_000_000):06d}"
        return call | {"type": "identify", "traits": traits}
    products = [_product(chance) for _ in range(chance.randint(1, 5))]
    total = round(sum(product["price"] for product in products), 2)
    order = {"order_id": f"o-{who}", "cart_id": f"cart-{who}", "total": total, "currency": "PLN", "products": products}
    return call | {"type": "track", "event": "Order Completed", "properties": order}


def _context(chance: random.Random) -> dict[str, Any]:
    path = f"/p/{chance.randrange(5000)}"
    page = {"path": path, "url": f"https://shop.example{path}", "title": "Running shoes", "referrer": ""}
    if chance.random() < 0.2:  # a server-side library says little of the customer's surroundings
        return {"page": page, "library": {"name": "analytics-python", "version": "2.4.0"}}
    campaign = {"name": "autumn", "source": "newsletter", "medium": "email"} if chance.random() < 0.3 else {}
    return {
        "page": page,
        "userAgent": _BROWSER,
        "locale": "pl-PL",
        "library": {"name": "analytics.js", "version": "next-1.76.0"},
    } | ({"campaign": campaign} if campaign else {})


def _product(chance: random.Random) -> dict[str, Any]:
    return {
        "product_id": f"{chance.randrange(5000):05d}",
        "sku": f"SKU-{chance.randrange(5000):05d}",
        "name": "Running shoes",
        "category": "Shoes",
        "brand": "Example",
        "price": round(chance.uniform(20, 400), 2),
        "quantity": 1,
    }


def request(call: dict[str, Any]) -> dict[str, Any]:
    """The call as API Gateway hands it to the intake (payload format 2.0)."""
    path = f"/v1/{call['type']}"
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "text/plain", "origin": "https://shop.example", "user-agent": _BROWSER},
        "requestContext": {"http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r"},
        "body": json.dumps(call | {"writeKey": WRITE_KEY}, separators=(",", ":")),
        "isBase64Encoded": False,
    }
