"""The demo as a user runs it: a process that ends by itself, with the story it promises."""

import json
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import pytest

from infra.local_client import ROOT

LONGEST_S = 120
DRAWN = 6


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """The whole result of one demo with some drawn customers."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "infra.demo", "--json", "--customers", str(DRAWN), "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stderr == ""
    return json.loads(done.stdout) | {"wall_s": time.monotonic() - began}


def customer(result: dict[str, Any], name: str) -> dict[str, Any]:
    """A customer of the result."""
    return next(person for person in result["customers"] if person["name"] == name)


def sent(run: dict[str, Any]) -> list[str]:
    """The channels of a run's messages."""
    return [message["channel"] for message in run["messages"]]


def test_it_ends_in_time_with_every_promise_kept(result: dict[str, Any]) -> None:
    """Exit 0 in under two minutes; every promise listed and kept; twelve named customers and the drawn ones."""
    assert result["wall_s"] < LONGEST_S
    assert result["kept"]
    assert len(result["checks"]) > 100
    assert [check for check in result["checks"] if not check["kept"]] == []
    assert len(result["customers"]) == 12 + DRAWN


def test_one_customer_out_of_site_app_and_till(result: dict[str, Any]) -> None:
    """Anna's browser, account, e-mail, phone and app are one; her till purchase, sent twice, counts once."""
    anna = customer(result, "Anna")
    kinds = {known["type"] for known in anna["identifiers"]}
    assert kinds == {"anonymous_id", "user_id", "email", "phone", "ios.id", "ios.push_token"}
    assert {"local-web", "local-server", "local-app", "local-pos"} <= set(anna["sources"])
    assert (anna["counters"]["orders"], anna["counters"]["revenue"]) == (2, {"USD": 200})


def test_an_order_stops_the_run_wherever_it_is_made(result: dict[str, Any]) -> None:
    """A purchase at the till ends the waiting run; an order within the hour leaves nothing to send."""
    daniel, ewa = customer(result, "Daniel")["runs"][0], customer(result, "Ewa")["runs"][0]
    assert (daniel["outcome"], sent(daniel)) == ("exited", ["push"])
    assert (ewa["outcome"], sent(ewa)) == ("exited", [])


def test_cheapest_first_and_dearer_only_for_those_who_ignored_it(result: dict[str, Any]) -> None:
    """One, two or three messages, as far as the customer had to be reached for."""
    reached = {name: sent(customer(result, name)["runs"][0]) for name in ("Anna", "Bartek", "Celina", "Kasia")}
    assert reached == {
        "Anna": ["push"],
        "Bartek": ["push", "email"],
        "Celina": ["push", "email", "sms"],
        "Kasia": ["push", "email", "sms"],
    }


def test_what_was_withheld_says_why(result: dict[str, Any]) -> None:
    """Quiet hours, a missing address, an unsubscription: each is on record with its reason."""
    reasons = {
        person["name"]: [decision["reason"] for run in person["runs"] for decision in run["withheld"]]
        for person in result["customers"]
    }
    assert "quiet hours 21:00 to 09:00" in reasons["Jan"][0]
    assert reasons["Grazyna"] == ["push: no push address known", "email: no email address known"]
    assert len(reasons["Hubert"]) == 1
    assert "denied" in reasons["Hubert"][0]


def test_money_saved_is_the_blast_less_the_cascade(result: dict[str, Any]) -> None:
    """Every figure is the sum of its parts, and the cascade is the cheaper."""
    total = result["total"]
    for key in ("cost", "blast_cost", "saved"):
        assert Decimal(total[key]) == sum((Decimal(channel[key]) for channel in result["channels"]), Decimal())
    assert Decimal(total["saved"]) == Decimal(total["blast_cost"]) - Decimal(total["cost"]) > 0
    costs = [
        Decimal(message["cost"]["amount"])
        for person in result["customers"]
        for run in person["runs"]
        for message in run["messages"]
    ]
    assert (len(costs), sum(costs, Decimal())) == (total["sent"], Decimal(total["cost"]))


def test_a_blast_reaches_everybody_on_every_channel_they_have(result: dict[str, Any]) -> None:
    """The blast's messages are counted from where customers could be reached when their runs began."""
    for channel in result["channels"]:
        wanted = sum(channel["channel"] in reach for person in result["customers"] for reach in person["reach"])
        assert channel["blast_sent"] == wanted


def test_wrong_usage_is_said_and_refused() -> None:
    """A number that is none ends with 2 and a message, before anything is started."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.demo", "--customers", "many"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "many is no number from 0 to 1000" in done.stderr
