"""Numbers of a plan: exact of everybody, with an interval of a sample."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.planning import counting
from omnicascade.domain.planning.report import Frame, Scale, report
from omnicascade.domain.planning.tally import Tally

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def frame(**parts: object) -> Frame:
    told = {"journey": "j", "version": 1, "stored": True, "segment": "s", "at": NOON.isoformat(), "members": 10}
    return Frame.from_json({**told, "complete": True, "spent": {}, "warnings": [], **parts})


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 100_000))
def test_an_interval_holds_its_estimate(looked_at: int, number: int, more: int) -> None:
    """It never leaves what was seen or what there is, and is a point where everybody was seen."""
    number = min(number, looked_at)
    told = Scale(looked_at, looked_at + more).customers(number)
    assert number <= told["low"] <= told["count"] <= told["high"] <= looked_at + more
    assert more or told["low"] == told["high"] == number


def test_money_is_scaled_and_written_plainly() -> None:
    """No exponents and no trailing noughts."""
    assert Scale(2, 2).money(Decimal("0.0000010")) == "0.000001"
    assert Scale(2, 3).money(Decimal("0.02")) == "0.03"
    assert Scale(0, 5).money(Decimal(0)) == "0"


def test_a_frame_survives_json() -> None:
    """The command line reads it back."""
    one = frame(warnings=["look out"], spent={"sms 2026-03": "1.5"})
    assert Frame.from_json(one.as_json()) == one


def budget(*hours: tuple[str, str], spent: str = "0") -> dict[str, object]:
    tally = Tally()
    for hour, amount in hours:
        tally.pay(Decimal(amount), counting.BUDGET, "sms", "2026-03", "1.00", "USD", "USD", hour)
    (told,) = report(frame(spent={"sms 2026-03": spent}), tally)["budgets"]
    return told


@pytest.mark.parametrize(
    ("hours", "spent", "out"),
    [
        ([("2026-03-10T12", "0.4"), ("2026-03-10T18", "0.6")], "0", None),
        ([("2026-03-10T18", "0.6"), ("2026-03-10T12", "0.5")], "0", "2026-03-10T18:00:00Z"),
        ([("2026-03-10T12", "0.1")], "0.95", "2026-03-10T12:00:00Z"),
        ([("2026-03-10T12", "0.1")], "2", "2026-03-10T12:00:00Z"),
    ],
)
def test_a_budget_ends_in_the_hour_that_it_cannot_pay(
    hours: list[tuple[str, str]], spent: str, out: str | None
) -> None:
    """In order of time, whatever the order of counting; what the month has spent comes first."""
    told = budget(*hours, spent=spent)
    assert (told["runs_out"], told["sufficient"]) == (out, out is None)


def test_of_a_sample_the_budget_is_held_against_everybody() -> None:
    """Two of ten want 0.30: all would want 1.50."""
    tally = Tally()
    tally.count(counting.LOOKED_AT, number=2)
    tally.pay(Decimal("0.30"), counting.BUDGET, "sms", "2026-03", "1.00", "USD", "USD", "2026-03-10T12")
    (told,) = report(frame(complete=False), tally)["budgets"]
    assert (told["wanted"]["amount"], told["sufficient"]) == ("1.5", False)
