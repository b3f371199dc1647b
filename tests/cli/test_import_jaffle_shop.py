"""A real shop's export, imported with the maps beside this file, gives every customer the value its owners computed."""

import csv
import io
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from rich.console import Console

from omnicascade.cli.import_command import ImportRequest, run_import
from tests.cli.intake_fake import WRITE_KEY, Intake, listening
from tests.shared_data import shared

MAPS = Path(__file__).parent / "maps"
EXPORT = "orders-jaffle-shop"


def import_shop(folder: Path, intake: Intake) -> None:
    """Import customers and orders, as their owner would."""
    for name, map_name in (("raw_customers.csv", "customers"), ("raw_orders.csv", "orders")):
        request = ImportRequest(folder / name, MAPS / f"{map_name}.yaml", intake.url, WRITE_KEY)
        done = run_import(request, Console(file=io.StringIO()), sleep=_never, print_call=print)
        assert done.exit_code == 0


def _never(_: float) -> None:
    raise AssertionError("nothing to wait for")


def test_every_customer_has_the_expected_orders_and_value(tmp_path: Path) -> None:
    """Number, first, last and value of the orders of all 100 customers; a second import adds nothing."""
    shutil.copytree(shared(EXPORT), tmp_path, dirs_exist_ok=True)
    with listening() as intake:
        import_shop(tmp_path, intake)
        sent = len(intake.received)
        import_shop(tmp_path, intake)
    calls = list(intake.stored.values())
    assert (len(calls), len(intake.received)) == (sent, 2 * sent)
    names = {call["userId"]: call["traits"] for call in calls if call["type"] == "identify"}
    orders: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for call in calls:
        if call.get("event") == "Order Completed":
            assert call["properties"]["currency"] == "USD"
            orders[call["userId"]].append((call["timestamp"][:10], call["properties"]["total"]))
    with (shared(EXPORT) / "expected_customers.csv").open(newline="") as stream:
        expected = list(csv.DictReader(stream))
    assert len(expected) == len(names) == 100
    for row in expected:
        days = sorted(day for day, _ in orders[row["customer_id"]])
        value = round(sum(total for _, total in orders[row["customer_id"]]), 2)
        assert names[row["customer_id"]] == {"first_name": row["first_name"], "last_name": row["last_name"]}
        assert (days[0] if days else "", days[-1] if days else "") == (row["first_order"], row["most_recent_order"])
        assert len(days) == int(row["number_of_orders"] or 0)
        assert value == float(row["customer_lifetime_value"] or 0)


def test_only_returned_orders_are_refunds(tmp_path: Path) -> None:
    """Orders 1, 8, 14 and 18 were returned; 23 and 52 await their return, and their money is still the shop's."""
    shutil.copytree(shared(EXPORT), tmp_path, dirs_exist_ok=True)
    with listening() as intake:
        import_shop(tmp_path, intake)
    by_event: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for call in intake.received:
        if call["type"] == "track":
            by_event[call["event"]][call["properties"]["order_id"]] = call["properties"]["total"]
    assert set(by_event["Order Refunded"]) == {"1", "8", "14", "18"}
    assert len(by_event["Order Completed"]) == 99
    assert sum(by_event["Order Completed"].values()) == pytest.approx(1672.00)
    assert all(by_event["Order Completed"][order] == total for order, total in by_event["Order Refunded"].items())
