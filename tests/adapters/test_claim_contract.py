"""What claims take and give back, and who is listed as live: asked of both makes of the runs' store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.errors import BudgetSpentError, MalformedBodyError, StaleWriteError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.person import Contact
from omnicascade.domain.journeys.run import LedgerEntry, Run
from omnicascade.usecases.store_ports import Claim, ContactLog, Reservation, StoredRun
from tests.adapters.store_makes import ANN, BOB, NOON, Stores, ended, minutes, run

MARCH = "2026-03"


def contact(number: int = 0, *, at: float = 0) -> Contact:
    """One message."""
    return Contact(minutes(at), f"r-{number}", Channel.PUSH, "basket")


def budget(price: str, limit: str = "1", *, currency: str = "USD") -> Reservation:
    """A price to be taken from a limit."""
    return Reservation("basket", Channel.SMS, MARCH, Price(Decimal(price), currency), Price(Decimal(limit)))


def log_of(stores: Stores, who: Identifier = ANN) -> ContactLog:
    """The log at a node, also where there is none yet."""
    return stores.customers.head(who.node_id, consistent=True).contacts or ContactLog(who.node_id)


def claimed(one: Run) -> Run:
    """The run with a message in its ledger."""
    entry = LedgerEntry(f"{one.run_id}-0", "remind", Channel.PUSH, "cart", Identifier("ios.push_token", "t"), NOON)
    return replace(one, ledger=(entry,))


def started(stores: Stores, mark: str = "abc") -> StoredRun:
    """A live run."""
    return stores.runs.start(run(mark, key=mark), None)


def spent(stores: Stores) -> Decimal | None:
    """What March took so far."""
    price = stores.runs.spent("basket", "sms", MARCH)
    return price.amount if price else None


def test_a_claim_is_run_log_and_budget_at_once(stores: Stores) -> None:
    """All three are changed by one write."""
    stored = started(stores)
    claim = Claim(contact(), log_of(stores), NOON, budget("0.25"))
    after = stores.runs.claim(stored, claimed(stored.run), claim, token="t", entered="e")
    assert after == stores.runs.load(stored.run.run_id) == StoredRun(claimed(stored.run), 2, "t", "e", stored.run.due)
    assert log_of(stores) == ContactLog(ANN.node_id, 1, (contact(),))
    assert stores.runs.spent("basket", "sms", MARCH) == Price(Decimal("0.25"))
    assert stores.runs.spent("basket", "sms", "2026-04") is None


def test_a_claim_on_an_older_run_takes_nothing(stores: Stores) -> None:
    """Neither of the log nor of the budget."""
    stored = started(stores)
    stores.runs.save(stored, replace(stored.run, pc=1), token="")
    with pytest.raises(StaleWriteError):
        stores.runs.claim(stored, claimed(stored.run), Claim(contact(), log_of(stores), NOON, budget("0.25")))
    assert (log_of(stores).contacts, spent(stores)) == ((), None)


def test_two_claims_on_one_reading_of_the_log_are_one(stores: Stores) -> None:
    """The second must read the log again, and may find its cap reached; its run and the budget are as before."""
    one, two, read = started(stores, "one"), started(stores, "two"), log_of(stores)
    stores.runs.claim(one, claimed(one.run), Claim(contact(1), read, NOON))
    with pytest.raises(StaleWriteError):
        stores.runs.claim(two, claimed(two.run), Claim(contact(2), read, NOON, budget("0.25")))
    assert stores.runs.load(two.run.run_id) == two
    assert (log_of(stores).contacts, spent(stores)) == ((contact(1),), None)
    stores.runs.claim(two, claimed(two.run), Claim(contact(2), log_of(stores), NOON, budget("0.25")))
    assert log_of(stores) == ContactLog(ANN.node_id, 2, (contact(1), contact(2)))


def test_a_budget_is_spent_to_the_last_cent_and_not_beyond(stores: Stores) -> None:
    """Tenths add up exactly; the message that would pass the limit changes nothing at all."""
    stored = started(stores)
    for number in range(10):
        stored = stores.runs.claim(stored, stored.run, Claim(contact(number), log_of(stores), NOON, budget("0.1")))
    assert spent(stores) == 1
    with pytest.raises(BudgetSpentError, match="has less left"):
        stores.runs.claim(stored, claimed(stored.run), Claim(contact(99), log_of(stores), NOON, budget("0.000001")))
    assert stores.runs.load(stored.run.run_id) == stored
    assert (len(log_of(stores).contacts), spent(stores)) == (10, 1)
    other = replace(budget("0.1"), month="2026-04")
    assert stores.runs.claim(stored, stored.run, Claim(reservation=other)).revision == stored.revision + 1


@pytest.mark.parametrize(
    ("refused", "reason"),
    [(budget("1.01"), "has less left"), (budget("0.1", currency="EUR"), "the budget is in USD")],
)
def test_a_price_that_no_budget_pays_is_refused_at_once(stores: Stores, refused: Reservation, reason: str) -> None:
    """More than the whole limit, or another currency."""
    stored = started(stores)
    with pytest.raises(BudgetSpentError, match=reason):
        stores.runs.claim(stored, claimed(stored.run), Claim(reservation=refused))
    assert (stores.runs.load(stored.run.run_id), spent(stores)) == (stored, None)


def test_what_is_stale_and_too_dear_is_stale(stores: Stores) -> None:
    """Whoever reads again may find another message due, which the budget has."""
    stored = started(stores)
    stored = stores.runs.claim(stored, stored.run, Claim(reservation=budget("1")))
    stores.runs.save(stored, stored.run, token="")
    with pytest.raises(StaleWriteError):
        stores.runs.claim(stored, claimed(stored.run), Claim(reservation=budget("0.1")))


def test_what_was_taken_is_given_back(stores: Stores) -> None:
    """The message leaves the log, once, whoever wrote to it since; its price is free again."""
    stored = started(stores)
    first = Claim(contact(1), log_of(stores), NOON, budget("0.6"))
    stored = stores.runs.claim(stored, stored.run, first)
    stored = stores.runs.claim(stored, stored.run, Claim(contact(2), log_of(stores), NOON))
    stored = stores.runs.save(stored, stored.run, token="", give_back=first)
    assert (log_of(stores).contacts, log_of(stores).revision, spent(stores)) == ((contact(2),), 3, 0)
    stored = stores.runs.save(stored, stored.run, token="", give_back=Claim(contact(1), first.log))
    stored = stores.runs.save(stored, stored.run, token="", give_back=Claim())
    assert log_of(stores).revision == 3
    assert stores.runs.claim(stored, stored.run, Claim(reservation=budget("1")))


def test_what_was_taken_goes_back_with_the_run_or_not_at_all(stores: Stores) -> None:
    """A write that comes too late gives nothing back; one that ends the run does, whoever has the slot by now."""
    stored = started(stores)
    taken = Claim(contact(1), log_of(stores), NOON, budget("0.6"))
    claimed_run = stores.runs.claim(stored, stored.run, taken)
    with pytest.raises(StaleWriteError):
        stores.runs.save(stored, ended(stored.run), token="", give_back=taken)
    with pytest.raises(StaleWriteError):
        stores.runs.save(stored, stored.run, token="", give_back=taken)
    assert (log_of(stores).contacts, spent(stores)) == ((contact(1),), Decimal("0.6"))
    over = stores.runs.save(claimed_run, ended(stored.run), token="", give_back=taken)
    assert stores.runs.load(stored.run.run_id) == over
    assert (log_of(stores).contacts, spent(stores)) == ((), 0)


def test_a_log_keeps_what_caps_look_at(stores: Stores) -> None:
    """From `keep_from` on; a message that is claimed again stands in it once, at its latest moment."""
    stored = started(stores)
    for number, at in ((0, 0.0), (1, 10.0), (2, 20.0)):
        claim = Claim(contact(number, at=at), log_of(stores), NOON - timedelta(days=1))
        stored = stores.runs.claim(stored, stored.run, claim)
    stored = stores.runs.claim(stored, stored.run, Claim(contact(2, at=30), log_of(stores), minutes(10)))
    assert log_of(stores).contacts == (contact(1, at=10), contact(2, at=30))
    stores.runs.claim(stored, stored.run, Claim(contact(3, at=40), log_of(stores), minutes(10.001)))
    assert log_of(stores).contacts == (contact(2, at=30), contact(3, at=40))


def test_customers_have_logs_of_their_own(stores: Stores) -> None:
    """What Ann was sent says nothing of Bob."""
    stored = started(stores)
    stores.runs.claim(stored, stored.run, Claim(contact(), log_of(stores), NOON))
    assert log_of(stores, BOB) == ContactLog(BOB.node_id)


def test_the_state_in_hand_is_kept_until_it_is_said_anew(stores: Stores) -> None:
    """A save that does not speak of it leaves it as it was."""
    stored = stores.runs.save(started(stores), run("abc", key="abc"), token="t", entered="2026#000")
    assert stores.runs.save(stored, stored.run, token="").entered == "2026#000"
    loaded = stores.runs.load(stored.run.run_id)
    assert loaded is not None
    assert loaded.entered == "2026#000"


def test_live_runs_are_listed_page_by_page(stores: Stores) -> None:
    """Each once, of one journey or of all; one that ended is not among them, nor is its slot in the way."""
    names = [f"{number:012x}" for number in range(23)]
    every = {stores.runs.start(run(mark, key=mark), None).run.run_id for mark in names}
    over = stores.runs.load(run(names[0]).run_id)
    assert over is not None
    stores.runs.save(over, ended(over.run), token="")
    other = replace(run("d"), journey="basket-two", run_id=f"basket-two_{BOB.node_id}_{9:012x}", key=None)
    stores.runs.start(other, None)
    live = every - {over.run.run_id}
    for journey, expected in ((None, live | {other.run_id}), ("basket", live), ("basket-two", {other.run_id})):
        for limit in (1, 4, 5, 100):
            assert _paged(stores, journey, limit) == sorted(expected)
    assert stores.runs.live_runs("basket-", None, 5).run_ids == []
    with pytest.raises(MalformedBodyError):
        stores.runs.live_runs(None, "9.what", 5)


def _paged(stores: Stores, journey: str | None, limit: int) -> list[str]:
    found, cursor = list[str](), None
    while True:
        page = stores.runs.live_runs(journey, cursor, limit)
        assert len(page.run_ids) <= limit
        found, cursor = [*found, *page.run_ids], page.cursor
        if cursor is None:
            return sorted(found)


def test_a_head_has_the_live_runs_and_no_ended_one(stores: Stores) -> None:
    """Whoever finds a customer has in hand what may still send; all runs are told by `runs_of`."""
    first = started(stores, "one")
    second = stores.runs.save(started(stores, "two"), replace(run("two", key="two"), pc=2), token="t")
    over = stores.runs.save(first, ended(first.run), token="")
    assert list(stores.customers.head(ANN.node_id, consistent=True).runs) == [second]
    assert [one.run_id for one in stores.runs.runs_of([ANN.node_id], "basket")] == [
        second.run.run_id,
        over.run.run_id,
    ]
    assert stores.runs.load(over.run.run_id) == over
    later = stores.runs.save(over, replace(over.run, converted_at=minutes(9)), token="")
    assert stores.runs.load(over.run.run_id) == later
    assert list(stores.customers.head(ANN.node_id, consistent=True).runs) == [second]
