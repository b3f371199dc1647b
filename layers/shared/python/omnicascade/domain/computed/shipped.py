"""The computed traits that every deployment has unless it names its own: definitions as a team would write them.

To add one, copy the list into the deployment's configuration and append to it: `[*SHIPPED_DEFINITIONS, {...}]`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from omnicascade.domain.computed.definition import computed_from

_OURS: Final = ["feedback", "staff"]
"""Sources that speak of customers without being one of their channels."""

_ORDERED: Final = ["Order Completed"]

SHIPPED_DEFINITIONS: Final[Sequence[Mapping[str, Any]]] = (
    {
        "name": "orders",
        "kind": "tally",
        "events": _ORDERED,
        "show": {"orders": "count", "first_order": "first", "last_order": "last"},
    },
    {
        "name": "baskets",
        "kind": "tally",
        "events": _ORDERED,
        "value": ["properties.revenue", "properties.total", "properties.value"],
        "by": "currency",
        "show": {"revenue": "sums", "average_basket": "averages"},
    },
    {
        "name": "last_seen",
        "kind": "tally",
        "events": ["*"],
        "not_from": _OURS,
        "by": "source",
        "show": {"last_seen": "lasts"},
    },
    {
        # An open says little (mail programs load pictures by themselves); whoever answers wants to be there.
        "name": "engagement",
        "kind": "decayed",
        "events": {
            "Email Opened": 1,
            "Push Notification Opened": 1,
            "Email Link Clicked": 5,
            "SMS Link Clicked": 5,
            "Message Link Clicked": 5,
            "Push Notification Tapped": 5,
            "SMS Replied": 10,
        },
        "unless": "properties.machine",
        "by": "channel",
        "half_life": "30d",
        "show": {"favourite_channel": "most", "channel_ranking": "ranking"},
    },
    {
        "name": "shops",
        "kind": "tally",
        "events": _ORDERED,
        "by": ["properties.shop_id", "properties.store_id", "properties.shop", "properties.store"],
        "show": {"favourite_shop": "most"},
    },
    {
        "name": "hours",
        "kind": "tally",
        "events": ["Order Completed", "page", "screen"],
        "by": "hour",
        "zone": "UTC",
        "show": {"usual_hour": "most"},
    },
    {
        "name": "carts",
        "kind": "carts",
        "events": ["Product Added"],
        "removing": ["Product Removed"],
        "ordering": _ORDERED,
        "cart": "properties.cart_id",
        "product": ["properties.product_id", "properties.sku"],
        "quantity": "properties.quantity",
        "price": "properties.price",
        "show": {"open_carts": "carts"},
    },
    {
        "name": "loyalty",
        "kind": "latest",
        "events": ["Loyalty Balance Changed", "Loyalty Points Earned", "Loyalty Points Spent", "Order Completed"],
        "value": "properties.loyalty_balance",
        "show": {"loyalty_balance": "value"},
    },
    {
        "name": "points",
        "kind": "tally",
        "events": {"Loyalty Points Earned": 1, "Loyalty Points Spent": -1},
        "value": "properties.points",
        "show": {"loyalty_points": "sum"},
    },
)
"""Names of events and properties are those of Segment's e-commerce, e-mail and mobile specs where these have one;
shops, loyalty, `Message Link Clicked` and the SMS ones are ours."""

SHIPPED: Final = computed_from(SHIPPED_DEFINITIONS)
