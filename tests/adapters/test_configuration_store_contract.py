"""What the stores of configuration and links promise, asked of both makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.links import ClickLink
from omnicascade.domain.templates import Template, Wording
from tests.adapters.store_makes import ANN, NOON, Stores
from tests.domain.journeys.journey_builders import journey as journey_of


def _put(stores: Stores, name: str, **fields: Any) -> Journey:
    step = {"push": {"template": "cart"}}
    definition = {"name": name, "steps": [step], **fields}
    return stores.journeys.put_journey(journey_of(step, **{**fields, "name": name}), definition)


def test_the_same_definition_is_the_same_version(stores: Stores) -> None:
    """Another definition is the next version; old ones stay as they were."""
    first = _put(stores, "one")
    assert (first.version, _put(stores, "one").version) == (1, 1)
    second = _put(stores, "one", title="Better")
    assert (second.version, _put(stores, "one").version) == (2, 3)
    assert stores.journeys.journey("one", 1) == first
    assert stores.journeys.journey("one", 2) == second
    assert stores.journeys.journey("one") == replace(first, version=3)
    assert stores.journeys.definition("one") == {"name": "one", "steps": [{"push": {"template": "cart"}}]}
    earlier = stores.journeys.definition("one", 2)
    assert earlier is not None
    assert earlier["title"] == "Better"
    assert stores.journeys.definition("one", 4) is None


def test_the_listing_is_the_current_version_of_each(stores: Stores) -> None:
    """By name, with the events each listens to."""
    _put(stores, "two", entry={"event": "Basket Filled"}, exit=[{"event": "Order Completed"}])
    _put(stores, "one", active=False)
    _put(stores, "two", title="Two", entry={"event": "Basket Filled"}, goal={"event": "Order Completed"})
    listing = stores.journeys.listing()
    assert [(line.name, line.version, line.active) for line in listing] == [("one", 1, False), ("two", 2, True)]
    assert listing[1].title == "Two"
    assert listing[1].listens == {
        "entry_events": ["Basket Filled"],
        "exit_events": [],
        "goal_events": ["Order Completed"],
        "wait_events": [],
        "watched": [],
        "entry_segments": [],
    }


def test_a_paused_journey_stays_paused_whatever_version_comes(stores: Stores) -> None:
    """Shut and opened by name, each once; others are left alone, and nobody's door is shut that is not there."""
    _put(stores, "one")
    _put(stores, "two")
    assert stores.journeys.set_paused("one", paused=True)
    assert not stores.journeys.set_paused("one", paused=True)
    _put(stores, "one", title="New")
    assert [(line.name, line.version, line.paused) for line in stores.journeys.listing()] == [
        ("one", 2, True),
        ("two", 1, False),
    ]
    assert stores.journeys.set_paused("one", paused=False)
    assert not any(line.paused for line in stores.journeys.listing())
    with pytest.raises(NotFoundError):
        stores.journeys.set_paused("none", paused=True)


def test_what_is_not_configured_is_none(stores: Stores) -> None:
    """Unknown journeys, versions and templates are None; the settings have defaults."""
    assert stores.journeys.listing() == []
    assert stores.journeys.journey("nobody") is None
    assert stores.journeys.definition("nobody") is None
    assert stores.templates.template("nothing") is None
    _put(stores, "one")
    assert stores.journeys.journey("one", 2) is None
    assert stores.journeys.deployment() == Deployment()


def test_a_template_is_replaced(stores: Stores) -> None:
    """The last one put is the one that is used, with what its channels say differently."""
    stores.templates.put_template(Template("cart", Wording(text="old")))
    new = Template("cart", Wording(text="new", url="https://s.example"), {Channel.SMS: Wording(text="short")})
    stores.templates.put_template(new)
    assert stores.templates.template("cart") == new


def test_a_link_is_found_by_its_code(stores: Stores) -> None:
    """Saved twice it is the same link; an unknown code leads nowhere."""
    link = ClickLink("r-0", ANN, "https://s.example/c?a=1")
    stores.links.save("abcDEF012_-x", link, NOON)
    stores.links.save("abcDEF012_-x", link, NOON)
    assert stores.links.find("abcDEF012_-x") == link
    with pytest.raises(NotFoundError):
        stores.links.find("abcDEF012_-y")
