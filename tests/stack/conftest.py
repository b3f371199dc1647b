"""The embedded stack in this process, where tests can make its services fail."""

from collections.abc import Iterator

import pytest

from tests.stack.fault_plan import FaultPlan
from tests.stack.shop import Shop, opened


@pytest.fixture(scope="module")
def plan() -> FaultPlan:
    """What goes wrong; nothing unless a test says so."""
    return FaultPlan()


@pytest.fixture(scope="module")
def shop(plan: FaultPlan) -> Iterator[Shop]:
    """A stack whose time stands still unless a test moves it."""
    with opened(plan) as one:
        yield one
