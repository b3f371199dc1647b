"""The stored form of runs."""

import json
from datetime import timedelta

from omnicascade.domain.journeys.run import from_json, run_id_of, to_json
from tests.domain.journeys.journey_builders import World, event, hours, journey


def test_a_run_survives_its_stored_form() -> None:
    """`from_json(to_json(x)) == x` through real JSON text, in the middle and at the end of a run."""
    flow = journey(entry={"event": "Product Added", "key": "properties.cart_id"}, goal={"event": "Order Completed"})
    world = World(flow).enter(event("Product Added", cart_id=7, total=40.5)).until(hours(5))
    world.happens("Email Delivered", message_id="r-1")
    assert from_json(json.loads(json.dumps(to_json(world.run)))) == world.run
    world.happens("Order Completed")
    world.until(timedelta(days=9))
    assert from_json(json.loads(json.dumps(to_json(world.run)))) == world.run


def test_message_ids_name_their_run_and_stay_within_what_providers_take_as_tags() -> None:
    """`<run id>-<position>`, also when the run's id has dashes itself."""
    world = World(journey()).enter().until(timedelta(days=3))
    assert [entry.message_id for entry in world.run.ledger] == ["r-0", "r-1", "r-2"]
    assert run_id_of("abandoned-cart-01-2") == "abandoned-cart-01"
