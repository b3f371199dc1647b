"""Rounds: who goes together, at which moment, who waits, and what it adds up to."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.usecases.audience import gather_round
from omnicascade.usecases.audience.gather_round import LONGEST_SLACK, RoundGatherer, moment_of, report
from omnicascade.usecases.audience.move_batch import MOST_FAILURES
from omnicascade.usecases.audience.plan import Audience, BatchResult, Place, Round
from omnicascade.usecases.audience.totals import Totals
from tests.fakes.audience_storage import MemoryAudienceStorage
from tests.usecases.machine import Machine

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AUDIENCE = Audience("spring", "spring@today", "sale", 3, "vip")


class Campaign:
    """A gatherer with its storage, and rounds put into its mouth."""

    def __init__(self) -> None:
        self.storage = MemoryAudienceStorage()
        self.machine = Machine(lambda: NOW)
        self.gatherer = RoundGatherer(self.storage, self.machine)

    def gather(
        self, places: Sequence[Place], *, last: Round | None = None, totals: Mapping[str, Any] | None = None
    ) -> Round:
        """The round after one batch answered with these customers."""
        answer = {"customers": [place.as_json() for place in places], "totals": totals or {}}
        return self.after([BatchResult([], answer)], last=last)

    def after(self, results: Sequence[BatchResult], *, last: Round | None = None) -> Round:
        """The round after these results."""
        self.storage.put_results("results", results)
        return self.gatherer.gather(AUDIENCE, last or Round(0, 1, "round-0"), "results", NOW)

    def going(self, this: Round) -> list[str]:
        """The runs of a round."""
        return [line["run"] for line in self.storage.customers(this.customers_key)]


def due(name: str, **wait: float) -> Place:
    """A customer who is due so long from now."""
    return Place(name, f"run-{name}", NOW + timedelta(**wait))


def test_who_is_due_at_one_moment_goes_together() -> None:
    """The round begins at that moment and lists both; who is due much later waits in a list of their own."""
    campaign = Campaign()
    this = campaign.gather([due("ann", hours=4), due("bob", hours=4), due("cid", hours=8)])
    assert (this.number, this.customers, this.waiting, this.at) == (1, 2, 1, NOW + timedelta(hours=4))
    assert campaign.going(this) == ["run-ann", "run-bob"]
    later = campaign.gather([], last=this)
    assert (later.customers, later.waiting, campaign.going(later)) == (1, 0, ["run-cid"])


def test_a_round_goes_at_the_latest_moment_of_those_who_are_due_about_first() -> None:
    """A large round's customers are due minutes apart and stay together."""
    campaign = Campaign()
    this = campaign.gather([due("ann", hours=4), due("bob", hours=4, minutes=4), due("cid", hours=4, minutes=6)])
    assert (this.customers, this.at) == (2, NOW + timedelta(hours=4, minutes=4))


def test_a_short_wait_is_kept_nearly_exactly() -> None:
    """Nobody who waits a minute and a half goes five minutes late."""
    campaign = Campaign()
    this = campaign.gather([due("ann", seconds=90), due("bob", seconds=94), due("cid", seconds=95)])
    assert (this.customers, this.at) == (2, NOW + timedelta(seconds=94))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_nobody_goes_early_or_much_too_late(waits: list[int]) -> None:
    """Whoever goes is due by then, at most a twentieth of the wait and five minutes late, and somebody always goes."""
    seconds = {int(NOW.timestamp()) + wait: 1 for wait in waits}
    at = moment_of(seconds, NOW)
    assert at is not None
    first = datetime.fromtimestamp(min(seconds), UTC)
    assert first <= at <= first + min(LONGEST_SLACK, (first - NOW) / 20)


def test_who_is_due_between_two_seconds_is_not_early() -> None:
    """A round begins on a whole second, the next one after the moment."""
    this = Campaign().gather([Place("ann", "run-ann", NOW + timedelta(microseconds=1))])
    assert this.at == NOW + timedelta(seconds=1)


def test_nobody_left_is_the_end() -> None:
    """Totals are summed over batches and rounds."""
    campaign = Campaign()
    before = Round(2, 1, "round-2", so_far=Totals({"messages": {"push": Decimal(4)}}))
    totals = {"messages": {"push": 1, "sms": 2}, "cost": {"USD": "0.06444"}}
    this = campaign.gather([], last=before, totals=totals)
    assert this.as_json()["remaining"] == 0
    assert report(AUDIENCE, this) == {
        "journey": "sale",
        "version": 3,
        "segment": "vip",
        "rounds": 3,
        "messages": {"push": 5, "sms": 2},
        "cost": {"USD": "0.06444"},
    }


def test_a_failed_batch_goes_again_and_not_for_ever() -> None:
    """Its customers are due a little later, each with one failure more, until they are given up."""
    campaign = Campaign()
    given_to_it = [Place("ann").as_json(), Place("bob", "run-bob", NOW, MOST_FAILURES - 1).as_json()]
    this = campaign.after([BatchResult(given_to_it, None)])
    assert [line["failures"] for line in campaign.storage.customers(this.customers_key)] == [1]
    assert this.so_far.as_json() == {"customers": {"failed": 1}, "failed": {"the batch failed": 1}}


def test_two_lines_of_one_run_become_one() -> None:
    """Two profiles that were merged since the list was made are one customer."""
    campaign = Campaign()
    this = campaign.gather([Place("ann", "run-x", NOW), Place("anna", "run-x", NOW)])
    assert campaign.going(this) == ["run-x"]


def test_gathering_twice_gives_the_same() -> None:
    """A repeated state finds what it had written and writes it again."""
    campaign = Campaign()
    places = [due("ann", hours=4), due("cid", hours=8)]
    first = campaign.gather(places)
    files = dict(campaign.storage.files)
    assert (campaign.gather(places), campaign.storage.files) == (first, files)


def test_a_history_that_fills_up_goes_on_in_another_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next execution is started once, with the round as it stands, and this one has nothing left to do."""
    monkeypatch.setattr(gather_round, "MOST_ROUNDS", 4)
    campaign = Campaign()
    this = campaign.gather([due("ann", hours=4)], last=Round(3, 1, "round-3"))
    assert (this.goes_on_in, this.as_json()["remaining"]) == ("spring--2", 0)
    handed = campaign.machine.executions["spring--2"].input
    assert (handed["journey"], handed["segment"]) == ("sale", "vip")
    assert Round.from_json(handed["goes_on"]["round"]).customers == 1
    assert Audience.from_json(handed["goes_on"]["audience"]) == AUDIENCE
    assert report(AUDIENCE, this)["goes_on_in"] == "spring--2"


def test_a_round_survives_the_state_machine() -> None:
    """What the state machine carries is read back as it was."""
    this = Campaign().gather([due("ann", hours=4), due("cid", hours=8)], totals={"cost": {"USD": "1.5"}})
    assert Round.from_json(this.as_json()) == this
