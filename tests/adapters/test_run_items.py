"""A run as an item: what is long is packed, so that each write of three messages costs one unit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from omnicascade.adapters.run_items import run_from, run_item
from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.journeys.run_parts import Decision, LedgerEntry
from omnicascade.usecases.store_ports import StoredRun
from tests.benchmarks.request_units import write_units

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
RUN_ID = "spring_743vyjzqhmg2lgevoyxqhscij4_8aef7ba9bcc6"
FRESH = Run(RUN_ID, "spring", 1, "743vyjzqhmg2lgevoyxqhscij4", None, None, NOON, NOON, due=NOON)


def _sent(number: int) -> LedgerEntry:
    return LedgerEntry(
        f"{RUN_ID}-{number}",
        "cascade-1",
        Channel.EMAIL,
        "cart-reminder",
        Identifier("email", "anna.kowalska@example.com"),
        NOON + timedelta(hours=4 * number),
        "sent",
        "accepted by the provider",
        f"0100019a-provider-{number}",
        Price(Decimal("0.00016")),
    )


def _of_three_messages() -> Run:
    decisions = [Decision(NOON, "cascade-1", "sent", "email: accepted by the provider") for _ in range(3)]
    return replace(FRESH, ledger=tuple(map(_sent, range(3))), decisions=tuple(decisions))


def test_a_fresh_run_stays_readable() -> None:
    """What is short is stored as it is."""
    item = run_item(StoredRun(FRESH, 1))
    assert '"journey":"spring"' in item["state"]["S"]
    assert run_from(item) == StoredRun(FRESH, 1)


def test_a_run_of_three_messages_costs_one_unit_a_write() -> None:
    """It is packed, keys and index included it fits into a KB, and it is read as it was."""
    stored = StoredRun(_of_three_messages(), 7, "token", "entered")
    item = run_item(stored)
    assert (write_units(item), "B" in item["state"]) == (1, True)
    assert run_from(item) == stored
