"""A plan as a marketer reads it: who, what, how much, and what to look at first."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from omnicascade.cli.plan_run import what_is_wrong

_WIDTH = 100


def as_script(told: Mapping[str, Any]) -> str:
    """The plan as it is, for scripts."""
    return json.dumps(told, ensure_ascii=False, indent=2)


def as_text(told: Mapping[str, Any]) -> str:
    """The plan as some short tables."""
    return "\n".join(_lines(told))


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    stored = "" if told["stored"] else " (not stored yet)"
    yield f"{told['journey']}, version {told['version']}{stored}, for {told['segment']} at {_moment(told['at'])}"
    if not told["complete"]:
        yield (
            f"a sample: {told['looked_at']:,} of {told['members']:,} members were looked at; numbers are scaled, "
            "[95 % intervals]"
        )
    for warning in told["warnings"]:
        yield f"warning: {warning}"
    yield ""
    yield from _entry(told)
    yield ""
    yield from _bound("If nobody answers (every channel is tried)", told["nobody_answers"])
    yield ""
    yield from _bound("If everybody answers the first message", told["everybody_answers"], short=True)
    yield from _budgets(told["budgets"])
    yield from _texts(told["texts"])
    yield ""
    yield from _execution(told["execution"])
    if "in_flight" in told:
        yield ""
        yield from _in_flight(told["in_flight"])
    wrong = what_is_wrong(told)
    if wrong:
        yield ""
        yield "LOOK AT THIS FIRST"
        yield from (f"  {sentence}" for sentence in wrong)


def _entry(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"Who ({told['members']:,} members)"
    yield _row("enter", _estimate(told["entry"]["enter"]))
    yield _row("held out", _estimate(told["entry"]["held_out"]))
    for out in told["entry"]["stay_out"]:
        yield _row(f"stay out: {out['reason']}", _estimate(out["customers"]))


def _bound(title: str, bound: Mapping[str, Any], *, short: bool = False) -> Iterator[str]:
    yield title
    for line in bound["messages"]:
        yield _row(f"{line['channel']}, customers {_estimate(line['customers'])}", line["count"], line["cost"])
    for line in bound["sms"]:
        parts = f"{line['parts']:,} parts"
        yield _row(f"  of the text messages: {line['country']}, {parts}", line["count"], line["cost"])
    yield _row("all messages", sum(line["count"] for line in bound["messages"]), bound["cost"] or None)
    if short:
        return
    yield _row("customers without any message", _estimate(bound["without_message"]))
    for name, alone, lines in (
        ("passed over", "steps left out", bound["passed_over"]),
        ("cannot be written", "runs that fail", bound["failed"]),
    ):
        for line in lines:
            what = f"{line['channel']} {name}" if line["channel"] else alone
            yield _row(f"{what}: {line['reason']}", line["count"])
    if bound["held_for_quiet_hours"]:
        yield _row("held for quiet hours", bound["held_for_quiet_hours"])
    if bound["first_message"]:
        yield f"  from {_moment(bound['first_message'])} to {_moment(bound['last_message'])}"


def _budgets(budgets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if budgets:
        yield ""
        yield "Budgets"
    for one in budgets:
        spent, wanted, limit = (_money([one[part]]) for part in ("spent", "wanted", "limit"))
        verdict = "suffices" if one["sufficient"] else f"runs out at {_moment(one['runs_out'])}"
        yield f"  {one['channel']} {one['month']}: {spent} spent, up to {wanted} wanted of {limit}: {verdict}"


def _texts(texts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if texts:
        yield ""
        yield "What one customer reads"
    for one in texts:
        words = " ".join(one["text"].split())
        shown = words if len(words) <= _WIDTH else f"{words[: _WIDTH - 1]}…"
        yield f"  {one['step']}, {one['channel']}: {shown}"


def _execution(cost: Mapping[str, Any]) -> Iterator[str]:
    yield "Carrying it out on AWS, messages aside (USD)"
    for way, title in (("audience", "one execution for the segment"), ("one_by_one", "one execution each")):
        line = cost[way]
        yield f"  {title}: {line['total']} ({line['transitions']:,} transitions)"


def _in_flight(told: Mapping[str, Any]) -> Iterator[str]:
    more = "" if told["complete"] else ", and more that were not looked at"
    yield f"Under way (live runs): {told['runs']:,}{more}; each stays with its version unless it is migrated"
    for version in told["versions"]:
        paused = f", {version['paused']:,} paused" if version["paused"] else ""
        movable = f"{version['can_migrate']:,} can migrate"
        yield f"  version {version['version']}: {version['runs']:,} live{paused}; {movable}"
        for stuck in version["cannot_migrate"]:
            yield f"    {stuck['runs']:,} cannot: {stuck['reason']}, such as {stuck['examples'][0]}"
        for change in version["changes"]:
            what = f"{change['what']}: {change['before'] or 'nothing'} → {change['after'] or 'nothing'}"
            yield f"    {change['step']}: {what}; still before it: {change['runs_before_it']:,}"
    for template in told["templates"]:
        steps = ", ".join(template["steps"]) or "no step of theirs"
        yield (
            f"  template {template['template']} ({steps}) says something else at once, pinned or not; "
            f"still before it: {template['runs_before_it']:,}"
        )
        for change in template["changes"]:
            yield f"    {change['field']}: {_quoted(change['before'])} → {_quoted(change['after'])}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "nothing"
    words = " ".join(text.split())
    return f"“{words if len(words) <= _WIDTH else words[: _WIDTH - 1] + '…'}”"


def _row(what: str, number: int | str, cost: Sequence[Mapping[str, str]] | None = None) -> str:
    shown = number if isinstance(number, str) else f"{number:,}"
    return f"  {what:<58} {shown:>10}{'   ' + _money(cost) if cost else ''}".rstrip()


def _estimate(estimate: Mapping[str, int]) -> str:
    if estimate["low"] == estimate["high"]:
        return f"{estimate['count']:,}"
    return f"{estimate['count']:,} [{estimate['low']:,}-{estimate['high']:,}]"


def _money(amounts: Sequence[Mapping[str, str]]) -> str:
    return " + ".join(f"{one['amount']} {one['currency']}" for one in amounts)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %d %b %Y %H:%M} UTC"
