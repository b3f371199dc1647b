"""Definitions of computed traits: what is wrong is refused at load, with its path and what was probably meant."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from omnicascade.domain.computed.definition import MOST_DEFINITIONS, computed_from
from omnicascade.domain.computed.shipped import SHIPPED, SHIPPED_DEFINITIONS
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import UnacceptableError

TALLY: Mapping[str, Any] = {
    "name": "rides",
    "kind": "tally",
    "events": ["Ride Finished"],
    "value": "properties.km",
    "by": "source",
    "show": {"rides": "count"},
}
DECAYED: Mapping[str, Any] = {
    "name": "taste",
    "kind": "decayed",
    "events": {"page": 2},
    "by": ["properties.category", "context.page.path"],
    "half_life": "7d",
    "show": {"favourite_category": "most"},
}
LATEST: Mapping[str, Any] = {
    "name": "plan",
    "kind": "latest",
    "events": ["*"],
    "value": "traits.plan",
    "show": {"plan": "value", "plan_since": "at"},
}
CARTS: Mapping[str, Any] = {
    "name": "baskets",
    "kind": "carts",
    "events": ["In"],
    "removing": ["Out"],
    "ordering": "Bought",
    "product": "properties.sku",
    "show": {"baskets": "carts"},
}


@pytest.mark.parametrize("definition", [TALLY, DECAYED, LATEST, CARTS], ids=lambda one: one["kind"])
def test_every_kind_can_be_written(definition: Mapping[str, Any]) -> None:
    """As a team writes it, in JSON, and it keeps its state under the same key after a trip through the store."""
    again = computed_from(json.loads(json.dumps([definition])))
    assert again == computed_from([definition])
    assert again.definitions[0].key.startswith(f"{definition['name']}~")


def test_the_shipped_ones_are_data_like_any_other() -> None:
    """They survive JSON with their keys."""
    assert computed_from(json.loads(json.dumps(SHIPPED_DEFINITIONS))) == SHIPPED


@pytest.mark.parametrize(
    ("base", "change", "path", "hint"),
    [
        (TALLY, {"valeu": "properties.km"}, "0.valeu", "did you mean 'value'"),
        (TALLY, {"half_life": "7d"}, "0.half_life", "no such field"),
        (TALLY, {"kind": "taly"}, "0.kind", "did you mean 'tally'"),
        (TALLY, {"kind": None}, "0.kind", "known: carts, decayed, latest, tally"),
        (TALLY, {"name": "Rides!"}, "0.name", "lower-case"),
        (TALLY, {"name": None}, "0.name", "lower-case"),
        (TALLY, {"events": []}, "0.events", "names of the events"),
        (TALLY, {"events": [5]}, "0.events", "list of names"),
        (TALLY, {"events": {"Ride": 0}}, "0.events.Ride", "whole number"),
        (TALLY, {"events": {"Ride": 1.5}}, "0.events.Ride", "whole number"),
        (TALLY, {"events": {"Ride": True}}, "0.events.Ride", "whole number"),
        (TALLY, {"events": {"Ride": 10**6}}, "0.events.Ride", "whole number"),
        (TALLY, {"by": "sourse"}, "0.by", "did you mean 'source'"),
        (TALLY, {"by": "properties."}, "0.by", "no path"),
        (TALLY, {"value": "km"}, "0.value", "no path"),
        (TALLY, {"value": "source"}, "0.value", "no path"),
        (TALLY, {"zone": "Mars/Base"}, "0.zone", "Europe/Warsaw"),
        (TALLY, {"show": {}}, "0.show", "computed trait"),
        (TALLY, {"show": {"rides": "cuont"}}, "0.show.rides", "did you mean 'count'"),
        (TALLY, {"show": {"Rides": "count"}}, "0.show.Rides", "lower-case"),
        (TALLY, {"show": {"rides": ["count"]}}, "0.show.rides", "cannot be shown"),
        (TALLY, {"by": (), "show": {"rides": "counts"}}, "0.show.rides", "needs `by`"),
        (TALLY, {"by": (), "show": {"rides": "most"}}, "0.show.rides", "needs `by`"),
        (TALLY, {"value": (), "show": {"rides": "average"}}, "0.show.rides", "needs `value`"),
        (DECAYED, {"half_life": "soon"}, "0.half_life", "not a duration"),
        (DECAYED, {"half_life": "5m"}, "0.half_life", "at least 1h"),
        (DECAYED, {"events": {"page": -2}}, "0.events.page", "from 1 to"),
        (DECAYED, {"by": ()}, "0.by", "missing"),
        (LATEST, {"value": ()}, "0.value", "missing"),
        (LATEST, {"by": "source"}, "0.by", "no such field"),
        (CARTS, {"product": ()}, "0.product", "missing"),
        (CARTS, {"show": {"baskets": "value"}}, "0.show.baskets", "cannot be shown"),
    ],
)
def test_a_fault_is_named_with_its_path(
    base: Mapping[str, Any], change: Mapping[str, Any], path: str, hint: str
) -> None:
    """And with the nearest known name, or what was expected."""
    with pytest.raises(UnacceptableError) as refused:
        computed_from([{**base, **change}])
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert hint in told[path]
    assert path in refused.value.message


def test_all_faults_are_listed_at_once() -> None:
    """Those of every definition."""
    with pytest.raises(UnacceptableError) as refused:
        computed_from([{**TALLY, "colour": 1, "zone": 5}, {**DECAYED, "half_life": None}])
    assert {problem.path for problem in refused.value.problems} == {"0.colour", "0.zone", "1.half_life"}


@pytest.mark.parametrize(
    ("definitions", "hint"),
    [
        ([TALLY, TALLY], "a definition 'rides'"),
        ([TALLY, {**TALLY, "name": "other"}], "a computed trait 'rides'"),
        ({"rides": TALLY}, "a list"),
        ("rides", "a list"),
        ([TALLY] * (MOST_DEFINITIONS + 1), "at most 50"),
        (["rides"], "expected a kind"),
    ],
)
def test_a_list_must_fit_together(definitions: object, hint: str) -> None:
    """No two of a name, no trait shown twice, and not too many."""
    with pytest.raises(UnacceptableError, match=hint):
        computed_from(definitions)


def test_a_deployment_carries_its_own() -> None:
    """Left out, it has the shipped ones; an empty list means none."""
    assert deployment_from({}).computed == SHIPPED == Deployment().computed
    assert deployment_from({"computed": []}).computed.definitions == ()
    own = deployment_from({"computed": [*SHIPPED_DEFINITIONS, TALLY]}).computed
    assert own.definitions[:-1] == SHIPPED.definitions
    with pytest.raises(UnacceptableError, match=r"0\.valeu"):
        deployment_from({"computed": [{**TALLY, "valeu": 1}]})
