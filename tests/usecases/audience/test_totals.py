"""What an audience adds up to."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import Decision, LedgerEntry, Run, SendOutcome
from omnicascade.usecases.audience.totals import MOST_REASONS, OTHER_REASONS, Totals, of_run, one

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COUNTS = st.dictionaries(
    st.sampled_from(["customers", "messages"]),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9).map(Decimal), min_size=1, max_size=6),
)


def entry(channel: Channel, outcome: SendOutcome, *, reason: str = "", cost: str | None = None) -> LedgerEntry:
    """A message."""
    price = Price(Decimal(cost), "USD") if cost else None
    address = Identifier("email", "ann@example.com")
    return LedgerEntry("m", "s", channel, "t", address, NOW, outcome, reason, cost=price)


def run(*ledger: LedgerEntry, **fields: object) -> Run:
    """An ended run."""
    known = {"status": "ended", "outcome": "completed", **fields}
    return Run("r", "sale", 1, "p", None, None, NOW, NOW, ledger=ledger, **known)  # pyright: ignore[reportArgumentType]


def test_a_run_adds_its_messages_with_their_cost_and_what_was_left_out() -> None:
    """An unknown outcome may have been sent and counts; a withdrawn one was left out; a failed one has its reason."""
    skipped = Decision(NOW, "s", "skipped", "push: no address")
    ended = run(
        entry(Channel.EMAIL, "sent", cost="0.0001"),
        entry(Channel.SMS, "unknown", cost="0.03"),
        entry(Channel.SMS, "failed", reason="dead"),
        entry(Channel.PUSH, "withdrawn", reason="ordered"),
        decisions=(skipped,),
    )
    assert of_run(ended).as_json() == {
        "customers": {"entered": 1},
        "outcomes": {"completed": 1},
        "messages": {"email": 1, "sms": 1},
        "failed": {"sms: dead": 1},
        "skipped": {"push: ordered": 1, "push: no address": 1},
        "cost": {"USD": "0.0301"},
    }


def test_who_is_held_out_has_not_entered() -> None:
    """They are counted apart and as nothing else."""
    assert of_run(run(outcome="held_out")).as_json() == {"customers": {"held_out": 1}}


@given(COUNTS, COUNTS, COUNTS)
def test_sums_do_not_depend_on_batches_or_order(
    a: dict[str, dict[str, Decimal]], b: dict[str, dict[str, Decimal]], c: dict[str, dict[str, Decimal]]
) -> None:
    """Associative and commutative, as long as no group overflows."""
    one_way, other_way = (Totals(a) + Totals(b)) + Totals(c), Totals(c) + (Totals(b) + Totals(a))
    assert one_way.as_json() == other_way.as_json()


def test_many_reasons_stay_few() -> None:
    """The rarest are added up under one name, and nothing is lost."""
    totals = Totals()
    for number in range(100):
        totals += one("skipped", f"reason {number}") + one("skipped", "the usual")
    assert len(totals.groups["skipped"]) == MOST_REASONS
    assert totals.count("skipped", "the usual") == 100
    assert sum(totals.groups["skipped"].values()) == 200
    assert totals.count("skipped", OTHER_REASONS) > 0


def test_totals_survive_the_state_machine() -> None:
    """Money is exact text, counts are whole numbers."""
    totals = Totals({"cost": {"USD": Decimal("0.1") * 3}, "messages": {"push": Decimal(2)}})
    assert totals.as_json() == {"cost": {"USD": "0.3"}, "messages": {"push": 2}}
    assert Totals.from_json(totals.as_json()) == totals
