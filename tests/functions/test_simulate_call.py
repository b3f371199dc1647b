"""`POST /v1/journeys/{name}/simulate`: the documented example works, and is answered as documented."""

import json
from typing import Any

import pytest

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.rehearse import RehearsalDesk
from omnicascade.usecases.serve_staff import StaffDesk
from omnicascade.usecases.staff_calls import Answer, StaffRequest
from tests.domain.rehearsal.stories import NOON
from tests.functions.test_openapi import example, problems

ROUTE = "POST /v1/journeys/{name}/simulate"
CART: dict[str, Any] = {
    "name": "abandoned-cart",
    "entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h"},
    "steps": [{"cascade": {"channels": [{"push": {"template": "cart"}}, {"email": {"template": "cart"}}]}}],
}


class _Unasked:
    """Stands where a rehearsal must not look."""


def desk() -> StaffDesk:
    """A staff desk that can do nothing but rehearse."""
    store = MemoryConfigurationStore(Deployment())
    store.put_template(Template("cart", Wording(subject="Cart", text="Your basket waits")))
    store.put_journey(load_definition(CART), CART)
    unasked: Any = _Unasked()
    parts: dict[str, Any] = dict.fromkeys(StaffDesk.__dataclass_fields__, unasked)
    parts |= {"rehearsals": RehearsalDesk(store, store, LiquidRenderer()), "clock": lambda: NOON}
    return StaffDesk(**parts)


def call(body: str) -> Answer:
    """One call of the route."""
    return desk().answer(StaffRequest(ROUTE, path={"name": "abandoned-cart"}, body=body))


def test_the_documented_example_is_rehearsed_as_documented() -> None:
    """The stored journey by name; the answer has exactly the documented members."""
    answer = call(json.dumps(example(ROUTE)))
    assert answer.status == 200
    assert problems("Rehearsal", answer.body, closed=True) == []
    assert answer.body
    assert [message["after"] for message in answer.body["messages"]] == [0]


def test_a_rehearsal_may_be_written_in_yaml() -> None:
    """As marketers write journeys."""
    answer = call("enter: 0s\nprofile: {identifiers: {ios.push_token: t}}\n")
    assert answer.body
    assert [message["channel"] for message in answer.body["messages"]] == ["push"]


def test_what_is_not_understood_is_a_422_with_paths() -> None:
    """Every mistake has its own."""
    with pytest.raises(UnacceptableError) as refused:
        call('{"events": [{"at": "soon", "event": "A"}, {"feedback": "tapp"}]}')
    assert refused.value.status == 422
    assert [problem.path for problem in refused.value.problems] == ["events.0.at", "events.1.feedback"]
