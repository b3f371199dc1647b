"""The whole result as JSON, for programs: the same figures that the narrator prints, with nothing rounded."""

from collections.abc import Sequence
from typing import Any

from infra.demo.checks import Check, withheld
from infra.demo.costs import Bill, ChannelBill
from infra.demo.lines import channel_of
from infra.demo.play import Outcome, Performance


def result_of(performance: Performance, bill: Bill, checks: Sequence[Check], took_s: float) -> dict[str, Any]:
    """Customers, messages, decisions, money and promises. Money is decimal text in USD, times are ISO 8601."""
    return {
        "kept": all(check.kept for check in checks),
        "took_s": round(took_s, 1),
        "opened": performance.opened.isoformat(),
        "journey": performance.journey,
        "customers": [_customer(outcome) for outcome in performance.outcomes],
        "channels": [_channel(channel) for channel in bill.channels],
        "total": _channel(bill.total),
        "checks": [{"promise": check.promise, "kept": check.kept, "seen": check.seen} for check in checks],
    }


def _customer(outcome: Outcome) -> dict[str, Any]:
    profile = outcome.profile
    return {
        "name": outcome.person.name,
        "moral": outcome.person.moral,
        "profile_id": profile["profile_id"],
        "identifiers": [{key: known[key] for key in ("type", "value", "source")} for known in profile["identifiers"]],
        "sources": dict(outcome.sources),
        "counters": profile["counters"],
        "reach": [list(reach) for reach in outcome.reach],
        "runs": [_run(run) for run in outcome.runs],
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    kept = ("run_id", "key", "outcome", "reason", "started_at", "ended_at", "converted_at", "messages")
    reasons = [decision | {"channel": channel_of(decision)} for decision in withheld(run)]
    return {key: run[key] for key in kept} | {"withheld": reasons}


def _channel(bill: ChannelBill) -> dict[str, Any]:
    return {
        "channel": bill.channel,
        "sent": bill.sent,
        "cost": f"{bill.cost:f}",
        "blast_sent": bill.blast_sent,
        "blast_cost": f"{bill.blast_cost:f}",
        "saved": f"{bill.saved:f}",
    }
