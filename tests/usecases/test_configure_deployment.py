"""Bringing a configuration into the table: nothing half, nothing unchecked, nothing forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.segment_definition import load_segment
from omnicascade.usecases.configure_deployment import configure_deployment
from omnicascade.usecases.manage_journeys import Workshop


class Shelf:
    """Settings and sources in memory."""

    def __init__(self) -> None:
        self.by_key: dict[str, Mapping[str, Any]] = {}
        self.settings: Mapping[str, Any] | None = None

    def sources(self) -> Sequence[Mapping[str, Any]]:
        return list(self.by_key.values())

    def put_source(self, values: Mapping[str, Any]) -> None:
        self.by_key[values["write_key"]] = values

    def put_deployment(self, values: Mapping[str, Any]) -> None:
        self.settings = values


def configure(shelf: Shelf, *sources: Mapping[str, Any], **identity: Any) -> dict[str, int]:
    store = MemoryConfigurationStore()
    workshop = Workshop(store, store, LiquidRenderer().check)
    document: dict[str, Any] = {
        "deployment": {"sources": sources, "identity": identity},
        "journeys": [],
        "templates": [],
    }
    return configure_deployment(document, shelf=shelf, workshop=workshop, new_key=lambda: f"key-{len(shelf.by_key)}")


WEB = {"name": "web", "kind": "web"}
DESK = {"name": "desk", "kind": "call_centre", "trust": "low"}


def test_trust_is_taken_from_the_sources() -> None:
    """Whoever reads the settings knows how far each source is believed."""
    shelf = Shelf()
    configure(shelf, WEB, DESK, max_merges=7)
    assert shelf.settings is not None
    rules = deployment_from(shelf.settings).identity
    assert (rules.trust, rules.max_merges) == ({"desk": Trust.LOW}, 7)


def test_a_source_that_is_not_named_any_more_is_believed_as_before() -> None:
    """Its events are still there: its agents' typing must not grow more trusted when the call centre closes."""
    shelf = Shelf()
    configure(shelf, WEB, DESK)
    configure(shelf, WEB)
    assert shelf.settings is not None
    assert deployment_from(shelf.settings).identity.trust == {"desk": Trust.LOW}
    assert {source["name"] for source in shelf.sources()} == {"web", "desk"}


def test_a_source_may_gain_or_lose_trust() -> None:
    """The latest configuration counts."""
    shelf = Shelf()
    configure(shelf, DESK)
    configure(shelf, DESK | {"trust": "high"})
    assert shelf.settings is not None
    assert deployment_from(shelf.settings).identity.trust == {"desk": Trust.HIGH}


@pytest.mark.parametrize(
    ("source", "identity", "path"),
    [
        (WEB, {"blocked_patterns": ["(a+)+"]}, "blocked_patterns"),
        (WEB, {"types": {"email": {"limit": 0}}}, "types.email.limit"),
        (DESK | {"trust": "none"}, {}, "trust.desk"),
    ],
)
def test_rules_are_checked_again_before_anything_is_stored(
    source: Mapping[str, Any], identity: dict[str, Any], path: str
) -> None:
    """Whatever wrote the document: a deployment with such rules fails, and the table stays as it was."""
    shelf = Shelf()
    with pytest.raises(UnacceptableError) as refused:
        configure(shelf, source, **identity)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert (shelf.by_key, shelf.settings) == ({}, None)


def test_segments_are_stored_before_the_journeys_that_name_them() -> None:
    """And everybody is judged again where the settings changed, but not where they are what they were."""
    store, said = MemoryConfigurationStore(), list[str]()
    workshop = Workshop(store, store, LiquidRenderer().check)

    class Kept(Shelf):
        def put_deployment(self, values: Mapping[str, Any]) -> None:
            store.put_deployment(values)

    def put_segments(documents: Sequence[Mapping[str, Any]]) -> None:
        said.extend(str(document["name"]) for document in documents)
        store.use_segments({"vip": load_segment(documents[0])})

    def deploy(topics: Mapping[str, str]) -> dict[str, int]:
        flow: dict[str, Any] = {"name": "welcome", "entry": {"segment": "vip"}, "steps": [{"wait": "1d"}]}
        document: dict[str, Any] = {
            "deployment": {"topics": topics},
            "segments": [{"name": "vip", "when": {"trait": "plan", "is": "paid"}}],
            "journeys": [flow],
            "templates": [],
        }
        return configure_deployment(
            document,
            shelf=Kept(),
            workshop=workshop,
            new_key=str,
            put_segments=put_segments,
            recount=lambda: said.append("recount"),
        )

    assert deploy({"news": "opt_in"}) == {"sources": 0, "templates": 0, "journeys": 1, "segments": 1}
    assert said == ["recount", "vip"]
    deploy({"news": "opt_in"})
    deploy({"news": "opt_out"})
    assert said == ["recount", "vip", "vip", "recount", "vip"]
