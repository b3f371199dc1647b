"""What AWS asks for carrying a journey out: four transitions for a cascade alone, next to nothing in an audience."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.aws_prices import CUSTOMERS_PER_BATCH, cost_of_runs

MILLION = 1_000_000


def test_a_million_cascades_cost_what_the_readme_says() -> None:
    """Three steps that nobody answers are four transitions each: 100 dollars, and about 35 besides."""
    cost = cost_of_runs(runs=MILLION, visits=3 * MILLION, messages=3 * MILLION, audience=False)
    assert cost.transitions == 4 * MILLION
    assert cost.orchestration == 100
    assert 20 < cost.functions + cost.table < 40


def test_an_audience_of_a_million_is_orchestrated_for_less_than_ten_dollars() -> None:
    """One transition and one child for a hundred customers each round."""
    cost = cost_of_runs(runs=MILLION, visits=3 * MILLION, messages=3 * MILLION, audience=True)
    assert cost.transitions == 3 * MILLION // CUSTOMERS_PER_BATCH
    assert cost.orchestration < 10


@given(st.integers(0, 10_000), st.integers(0, 5), st.integers(0, 4), st.booleans())
def test_a_total_is_the_sum_of_its_parts(runs: int, visits: int, messages: int, audience: bool) -> None:
    """And nothing costs nothing."""
    cost = cost_of_runs(runs=runs, visits=runs * visits, messages=runs * messages, audience=audience)
    assert cost.total == cost.orchestration + cost.functions + cost.table
    assert runs or cost.total == Decimal()
