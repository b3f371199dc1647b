"""What a rehearsal answers: messages, decisions and runs as plain JSON, each with its moment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from omnicascade.domain.journeys.run import Decision, Run
from omnicascade.domain.rehearsal.post import Sent
from omnicascade.domain.rehearsal.world import Played


def report(played: Played, start: datetime) -> dict[str, Any]:
    """The answer: `messages`, `decisions` and `runs`, each in order of time; `warnings` where there are any."""
    told: dict[str, Any] = {
        "messages": [_message(sent, start) for sent in played.messages],
        "decisions": [_decision(decision, key, start) for decision, key in _decisions(played)],
        "runs": [_run(run) for run in played.runs],
    }
    return told | ({"warnings": list(played.warnings)} if played.warnings else {})


def _decisions(played: Played) -> Sequence[tuple[Decision, str | None]]:
    """Every run's decisions and the refused entries, by time; of one moment in the order in which they were taken."""
    told = [(decision, run.key) for run in played.runs for decision in run.decisions]
    told += [(refusal, None) for refusal in played.refusals]
    return sorted(told, key=lambda pair: pair[0].at)


def _message(sent: Sent, start: datetime) -> dict[str, Any]:
    return {
        "at": _time(sent.at),
        "after": _after(sent.at, start),
        "channel": sent.channel.value,
        "step": sent.step,
        "template": sent.template,
        "key": sent.key,
        "cost": {"amount": f"{sent.cost.amount:f}", "currency": sent.cost.currency},
    }


def _decision(decision: Decision, key: str | None, start: datetime) -> dict[str, Any]:
    return {
        "at": _time(decision.at),
        "after": _after(decision.at, start),
        "step": decision.step,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "key": key,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "key": run.key,
        "started": _time(run.started_at),
        "ended": run.ended_at and _time(run.ended_at),
        "outcome": run.outcome,
        "reason": run.reason,
        "converted": run.converted_at and _time(run.converted_at),
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _after(moment: datetime, start: datetime) -> int | float:
    """Seconds; a whole number where they are whole."""
    length = (moment - start).total_seconds()
    return int(length) if length == int(length) else length
