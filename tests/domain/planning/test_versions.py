"""What an edit does to customers under way is told before it is made."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.planning.versions import UnderWay, changes, why_not
from omnicascade.domain.templates import Template, Wording
from tests.domain.journeys.journey_builders import START, customer, journey

NOTHING: list[tuple[str, str, str, str]] = []
REST: dict[str, Any] = {"id": "rest", "wait": "12h"}
MAIL: dict[str, Any] = {"id": "mail", "email": {"template": "booked"}}
BYE: dict[str, Any] = {"id": "bye", "push": {"template": "bye"}}


def second(*steps: dict[str, Any], **fields: Any) -> Journey:
    return replace(journey(*steps, **fields), version=2)


def told(old: Journey, new: Journey) -> list[tuple[str, str, str, str]]:
    return [(change.step, change.what, change.before, change.after) for change in changes(old, new)]


def under_way(flow: Journey, number: int, *, at: str = "") -> list[Run]:
    """Runs that rest at their first stop, or at a step."""
    person = Person(customer())
    runs: list[Run] = []
    for place in range(number):
        run = engine.start(flow, run_id=f"r{place}", person=person, key=None, event=None, now=START)
        run = engine.advance(flow, run, person, Deployment(), START).run
        while at and flow.program[run.pc].step != at:
            run = replace(run, pc=run.pc + 1)
        runs.append(run)
    return runs


def branch(value: int) -> dict[str, Any]:
    none: list[Any] = []
    return {"id": "b", "branch": [{"if": {"trait": "a", "is": value}, "then": [BYE]}], "otherwise": none}


def split(share: int) -> dict[str, Any]:
    none: list[Any] = []
    arms = [{"name": "A", "share": f"{share}%", "then": [BYE]}, {"name": "B", "share": f"{100 - share}%", "then": none}]
    return {"id": "s", "split": arms}


def cascade(*channels: dict[str, Any]) -> dict[str, Any]:
    return {"id": "c", "cascade": {"channels": list(channels)}}


PUSH_THEN_SMS = cascade({"push": {"template": "a", "wait": "1h"}}, {"sms": {"template": "a"}})
SMS_ALONE = cascade({"sms": {"template": "a", "budget": "5 USD"}})
OTHER_MAIL: dict[str, Any] = {"id": "mail", "email": {"template": "cancelled"}}
TEXT: dict[str, Any] = {"id": "mail", "sms": {"template": "booked"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([REST, MAIL], [REST, MAIL], NOTHING),
        ([REST], [{**REST, "wait": "2d"}], [("rest", "wait length", "12h", "2d")]),
        ([REST, MAIL], [REST], [("mail", "step is gone", "email, template booked", "")]),
        ([REST], [REST, BYE], [("bye", "new step", "", "push, template bye")]),
        ([MAIL], [OTHER_MAIL], [("mail", "email template", "booked", "cancelled")]),
        ([MAIL], [TEXT], [("mail", "channel", "email", "sms")]),
        ([PUSH_THEN_SMS], [SMS_ALONE], [("c", "channels", "push, sms", "sms"), ("c", "sms budget", "", "5 USD")]),
        ([branch(1)], [branch(2)], [("b", "fork 1 condition", '{"trait": "a", "is": 1}', '{"trait": "a", "is": 2}')]),
        ([split(50)], [split(90)], [("s", "split arms", "A 50%, B 50%", "A 90%, B 10%")]),
    ],
)
def test_what_changed_is_told_by_step_and_part(
    old: list[dict[str, Any]], new: list[dict[str, Any]], expected: list[tuple[str, str, str, str]]
) -> None:
    """Places in the program are not: a step that only moved is the same step."""
    assert told(journey(*old), second(*new)) == expected


def test_who_stands_before_a_changed_step_is_counted() -> None:
    """Five rest before the mail and one is behind it: five would get the new words if they were moved."""
    flow = journey(REST, MAIL, {"id": "later", "wait": "1d"})
    new = second(REST, OTHER_MAIL, {"id": "later", "wait": "1d"})
    seen = UnderWay(new, START)
    for run in [*under_way(flow, 5), *under_way(flow, 1, at="later")]:
        seen.see(run, flow)
    (version,) = seen.report(complete=True)["versions"]
    assert (version["version"], version["runs"], version["can_migrate"]) == (1, 6, 6)
    assert [(change["step"], change["runs_before_it"]) for change in version["changes"]] == [("mail", 5)]


def test_new_words_reach_everybody_who_has_the_message_ahead() -> None:
    """Templates are not pinned: the edit that told five hundred people that their booking was cancelled."""
    flow = journey(REST, MAIL, {"id": "later", "wait": "1d"})
    seen = UnderWay(flow, START)
    for run in [*under_way(flow, 5), *under_way(flow, 1, at="later")]:
        seen.see(run, flow)
    before = Template("booked", Wording(subject="See you", text="See you soon"))
    after = Template("booked", Wording(subject="See you", text="Your booking was cancelled"))
    assert seen.reworded(after, before) == {
        "template": "booked",
        "steps": ["mail"],
        "runs_before_it": 5,
        "changes": [{"field": "text", "before": "See you soon", "after": "Your booking was cancelled"}],
    }
    assert seen.reworded(Template("bye", Wording(text="x")), None)["runs_before_it"] == 0


def test_a_run_whose_step_is_gone_cannot_be_moved_and_says_why() -> None:
    """Runs of one reason are one line, with examples of whom it concerns."""
    flow, new = journey(MAIL, REST, BYE), second(MAIL, BYE)
    seen = UnderWay(new, START)
    for run in under_way(flow, 5, at="bye"):
        seen.see(run, flow)
    stuck = [replace(run, pc=1) for run in under_way(flow, 4, at="bye")]
    for run in stuck:
        seen.see(replace(run, run_id=f"s{run.run_id}"), flow)
    (version,) = seen.report(complete=True)["versions"]
    (reason,) = version["cannot_migrate"]
    assert (version["can_migrate"], reason["runs"], len(reason["examples"])) == (5, 4, 3)
    assert reason["reason"] == "version 2 of j has no step rest, at which the run is"


def test_judging_changes_nothing() -> None:
    """The run is only asked."""
    flow = journey(REST, MAIL)
    (run,) = under_way(flow, 1)
    assert why_not(run, flow, second(REST, MAIL), START + timedelta(hours=1)) is None
    assert run.version == 1
