"""Whose word counts on a run: the later state keeps its token, whatever an older sender still writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.run_turn import ErasedError, Turn, reloaded
from omnicascade.usecases.store_ports import StoredRun

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RUN = Run("basket_ann_0123456789ab", "basket", 1, "ann", None, None, NOW, NOW, due=NOW)
EARLIER, LATER = "2026-03-10T12:00:00#000", "2026-03-10T12:00:00#001"


@pytest.mark.parametrize(
    ("stored", "mine", "superseded"),
    [(LATER, EARLIER, True), (EARLIER, LATER, False), (EARLIER, EARLIER, False), ("", EARLIER, False)],
)
def test_a_later_state_supersedes_an_earlier_one(stored: str, mine: str, *, superseded: bool) -> None:
    """An attempt more is a later state; the same state is its own."""
    held = StoredRun(RUN, 1, "theirs", stored)
    turn = Turn(NOW, "mine", mine)
    assert turn.superseded(held) is superseded
    expected = {"token": "theirs", "entered": stored} if superseded else {"token": "mine", "entered": mine}
    assert turn.kept(held, "mine") == expected


def test_while_a_run_is_moved_nobody_waits() -> None:
    """The token in the run is that of a task that is being answered: nobody may answer it in between."""
    assert Turn(NOW, "mine", LATER).kept(StoredRun(RUN, 1, "old", EARLIER)) == {"token": "", "entered": LATER}


def test_whoever_has_no_token_leaves_it_alone() -> None:
    """An audience moves runs without a task: the execution that took one over keeps its own."""
    held = StoredRun(RUN, 1, "theirs", EARLIER)
    assert Turn(NOW).kept(held, "") == {"token": "theirs", "entered": EARLIER}


def test_a_state_that_is_not_known_supersedes_nothing_and_is_not_forgotten() -> None:
    """Tasks from before states were known keep what the run knows."""
    held = StoredRun(RUN, 1, "old", EARLIER)
    assert not Turn(NOW, "mine").superseded(held)
    assert Turn(NOW, "mine").kept(held, "mine") == {"token": "mine", "entered": EARLIER}


def test_a_run_that_is_gone_went_with_its_customer() -> None:
    """Only erasures delete runs."""
    runs = MemoryRunStore(MemoryCustomerStore())
    with pytest.raises(ErasedError):
        reloaded(runs, RUN.run_id)
    stored = runs.start(RUN, None)
    assert reloaded(runs, RUN.run_id) == stored
