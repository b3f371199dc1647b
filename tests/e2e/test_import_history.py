"""A real shop's history, imported through the command line, gives each customer's real figures."""

import csv
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from infra.local_client import StackClient
from tests.shared_data import shared

MAPS = Path(__file__).parents[1] / "cli" / "maps"


def import_file(stack: StackClient, file: Path, name: str, state: Path) -> None:
    """Import one file with the command that a shop's owner would use; it must be accepted whole."""
    command = [Path(sys.executable).parent / "omnicascade", "import", file, "--map", MAPS / name, "--json"]
    where = ["--url", stack.url, "--write-key", "local-server", "--state", state / f"{name}.json"]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (state / f"{name}.json").exists()


def test_each_customer_has_their_real_orders(stack: StackClient, tmp_path: Path) -> None:
    """Count, first and last date and sum of orders equal the expected values, also after importing twice.

    The expected value counts an order when it is placed, as the source's own model does. Orders with status `returned`
    (1, 8, 14 and 18) count as refunded besides; `return_pending` (23 and 52) do not: nothing has come back yet.
    """
    shop = shared("orders-jaffle-shop")
    for _ in range(2):
        import_file(stack, shop / "raw_customers.csv", "customers.yaml", tmp_path)
        import_file(stack, shop / "raw_orders.csv", "orders.yaml", tmp_path)
        stack.settle()
    with (shop / "expected_customers.csv").open(newline="") as lines:
        expected = list(csv.DictReader(lines))
    assert len(expected) == 100
    refunded = 0.0
    for customer in expected:
        counters = stack.profile(f"user_id:{customer['customer_id']}")["counters"]
        assert counters["orders"] == int(customer["number_of_orders"] or 0), customer
        assert counters["revenue"].get("USD", 0) == pytest.approx(float(customer["customer_lifetime_value"] or 0))
        for name, column in (("first_order", "first_order"), ("last_order", "most_recent_order")):
            seen = counters[name] and date.fromisoformat(counters[name][:10])
            assert seen == (date.fromisoformat(customer[column]) if customer[column] else None), customer
        refunded += counters["refunded"].get("USD", 0)
    with (shop / "raw_orders.csv").open(newline="") as lines:
        returned = {order["id"] for order in csv.DictReader(lines) if order["status"] == "returned"}
    with (shop / "raw_payments.csv").open(newline="") as lines:
        paid = sum(int(p["amount"]) for p in csv.DictReader(lines) if p["order_id"] in returned)
    assert len(returned) == 4
    assert refunded == pytest.approx(paid / 100)
