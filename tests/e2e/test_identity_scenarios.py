"""What other products' own tests say of identity, played over HTTP: where they agree, so do we; where not, we tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local_client import StackClient
from tests.e2e.identity_scenario import Scenario, Theatre
from tests.shared_data import SHARED, shared

FILE = "identity-scenarios.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "identity.md"


def scenarios(*status: str) -> list[Any]:
    """The scenarios of the shared file with one of these words on them; none where the file is not there."""
    path = SHARED / FILE
    found: list[Scenario] = json.loads(path.read_text())["scenarios"] if path.exists() else []
    return [pytest.param(one, id=one["name"]) for one in found if one["status"] in status]


@pytest.fixture(scope="module")
def theatre(stack: StackClient) -> Theatre:
    """A stack for one scenario after the other."""
    shared(FILE)
    return Theatre(stack)


@pytest.mark.parametrize("scenario", scenarios("consensus"))
def test_what_all_agree_on_holds(theatre: Theatre, scenario: Scenario) -> None:
    """Profiles, identifiers, traits and histories are exactly those that no product disagrees with."""
    assert theatre.play(scenario) == []


@pytest.mark.parametrize("scenario", scenarios("contested", "peer-specific"))
def test_where_products_disagree_the_document_tells_our_answer(theatre: Theatre, scenario: Scenario) -> None:
    """The table in docs/identity.md says `as this product` where the answer is ours, else `otherwise`."""
    found = theatre.play(scenario)
    told = contested_table().get(scenario["name"])
    assert told == ("otherwise" if found else "as this product"), found


def contested_table() -> Mapping[str, str]:
    """The document's table: what it says of each scenario."""
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\| (as this product|otherwise) \|", DOCUMENT.read_text(), re.MULTILINE)
    return dict(rows)


def test_every_contested_scenario_is_told() -> None:
    """The document's table has a row for each, and for no other."""
    shared(FILE)
    assert set(contested_table()) == {param.id for param in scenarios("contested", "peer-specific")}
