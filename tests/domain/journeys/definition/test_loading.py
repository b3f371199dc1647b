"""Loading definitions: what is accepted, what it means, and that everything wrong is told at once."""

import json
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from omnicascade.domain.conditions.condition import Did
from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import (
    ConditionRule,
    JourneyCap,
    ScheduleEntry,
    SegmentEntry,
    from_json,
    listens,
    to_json,
)
from omnicascade.domain.journeys.program import Cascade, Check, End, SendMessage, Wait
from tests.domain.journeys.definition.examples import (
    BROKEN_PARTS,
    BROKEN_STEPS,
    CASCADE,
    CONDITIONS,
    CONTRACT,
    DOCUMENTED,
    ENTRIES,
    with_part,
    with_step,
)

ROOT = Path(__file__).parents[4]
SHIPPED = sorted((ROOT / "infra/journeys").glob("*.yaml"))
assert SHIPPED

EVERYTHING = """
name: everything
title: All there is
active: false
entry:
  {event: Product Added, where: {event: properties.total, gte: 20}, key: properties.cart_id, after: 1h, restart: true}
reentry: {after: 7d, limit: 3}
exit:
  - {event: Order Completed, match: properties.cart_id}
  - {event: identify, where: {event: traits.staff, is: true}}
goal: {event: Order Completed, match: properties.cart_id, within: P7D}
class: marketing
topic: promotions
quiet_hours: {from: 21:00, to: 09:00, zone: recipient-only, days: [sat, sun], policy: drop}
holdout: 12.5%
deadline: 3d
steps:
  - cascade:
      order: preferred
      answered_by: [click, goal]
      channels:
        - push: {template: cart, wait: 4h, answered_by: [open]}
        - sms: {template: cart, budget: 500 USD}
  - id: reminder
    if: {trait: plan, is: paid}
    email: {template: mail}
  - wait: 2d
  - end: {reason: enough}
"""


def problems(source: Any, **options: Any) -> dict[str, str]:
    """The codes of everything that is wrong with a definition, by path."""
    with pytest.raises(UnacceptableError) as caught:
        load_definition(source, **options)
    return {problem.path: problem.code for problem in caught.value.problems}


def test_everything_supported_is_compiled_to_a_flat_program() -> None:
    """Steps become instructions; a conditional step is preceded by a check that jumps behind it."""
    flow = load_definition(EVERYTHING, version=4)
    cascade, check, mail, wait, end = flow.program
    assert isinstance(cascade, Cascade)
    assert [(c.channel, c.wait, sorted(c.answered_by), c.budget) for c in cascade.channels] == [
        (Channel.PUSH, timedelta(hours=4), ["open"], None),
        (Channel.SMS, timedelta(), ["click", "goal"], Price(Decimal(500))),
    ]
    assert isinstance(check, Check)
    assert (check.step, check.otherwise) == ("reminder", 3)
    assert mail == SendMessage("reminder", Channel.EMAIL, "mail")
    assert wait == Wait("wait-3", timedelta(days=2))
    assert end == End("end-4", "enough")
    assert (flow.version, flow.holdout_percent, flow.templates) == (4, 12.5, frozenset({"cart", "mail"}))
    assert flow.quiet_hours is not None
    assert (flow.quiet_hours.start, flow.quiet_hours.end, flow.quiet_hours.days) == (1260, 540, frozenset({5, 6}))


@pytest.mark.parametrize(
    "source",
    [EVERYTHING, CONTRACT, DOCUMENTED, *(with_part({"entry": entry}) for entry in ENTRIES)],
    ids=lambda source: str(source)[:40],
)
def test_a_journey_survives_its_stored_form(source: Any) -> None:
    """`from_json(to_json(x)) == x`, through real JSON text, and the text is stable."""
    flow = load_definition(source)
    text = json.dumps(to_json(flow))
    assert from_json(json.loads(text)) == flow
    assert json.dumps(to_json(from_json(json.loads(text)))) == text


def test_yaml_json_and_mapping_mean_the_same() -> None:
    """Three spellings, one journey."""
    mapping = {"name": "j", "steps": [CASCADE]}
    flow = load_definition(mapping)
    assert (
        flow
        == load_definition(json.dumps(mapping))
        == load_definition("{name: j, steps: [" + json.dumps(CASCADE) + "]}")
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_journeys_are_acceptable_and_named_after_their_files(path: Path) -> None:
    """What the repository deploys is valid and uses templates that are there."""
    names = {template.stem for template in (path.parent / "templates").glob("*.yaml")}
    flow = load_definition(path.read_text(), templates=names)
    assert flow.name == path.stem


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_every_condition_may_stand_where_a_run_asks(condition: dict[str, Any]) -> None:
    """Beside a step, in a branch, in an exit and in a wait."""
    step = {"cascade": CASCADE["cascade"], "id": "cascade-1", "if": condition}
    branch = {"branch": [{"if": condition, "then": [{"wait_for": {"when": condition}}]}]}
    flow = load_definition({**with_step(step, branch), "exit": [{"when": condition}]})
    assert isinstance(flow.program[0], Check)
    assert flow.exits == (ConditionRule(flow.program[0].condition),)


def test_entries_of_every_kind() -> None:
    """By segment, by a segment without a name, by the clock."""
    assert load_definition(with_part({"entry": ENTRIES[1]})).entry == SegmentEntry("lapsed", "leave")
    assert load_definition(with_part({"entry": ENTRIES[4]})).entry == ScheduleEntry("cron(0 9 ? * MON *)", "lapsed")
    own = load_definition(with_part({"entry": ENTRIES[3]}))
    assert own.entry == SegmentEntry("journey:j", "enter")
    assert own.own_segment == Did("Order Completed", within=timedelta(days=30), operator="is", operand=0)


def test_a_cap_of_its_own() -> None:
    """Besides the deployment's."""
    assert load_definition(DOCUMENTED).cap == JourneyCap(5, timedelta(hours=24))


def test_names_outside_the_document_are_checked_where_they_are_known() -> None:
    """Templates, segments, hosts and the currency of budgets, wherever they stand."""
    found = problems(
        with_part({"entry": {"segment": "lapsd"}, "exit": [{"when": {"segment": "staf"}}]})
        | {"steps": [
            {"push": {"template": "crt", "budget": "5 PLN"}},
            {"wait_for": {"event": "X"}, "then": [{"webhook": {"url": "https://evil.example.com/"}}]},
        ]},
        templates={"cart"}, segments={"lapsed", "staff"}, hosts={"hooks.example.com"}, currency="USD",
    )  # fmt: skip
    assert found == {
        "entry.segment": "unknown_segment",
        "exit.0.when.segment": "unknown_name",
        "steps.0.push.template": "unknown_template",
        "steps.0.push.budget": "currency",
        "steps.1.then.0.webhook.url": "unknown_host",
    }


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (with_part({"entry": {"segment": "lapsd"}}), "there is no segment lapsd (did you mean 'lapsed'?)"),
        (with_part({"entry": {"evnt": "X"}}), "did you mean 'event'?"),
        (with_part({"entry": {"event": "X", "on": "enter"}}), "'on' does not go with event, where, key"),
        (with_part({"exit": [{"segment": "lapsed"}]}), "'segment' is not known here: write {when: {segment: …}}"),
        (with_step({"email": "welcome"}), "expected a mapping such as {template: welcome}, not 'welcome'"),
        (with_step({"push": {"template": "a", "tempalte": "b"}}), "did you mean 'template'?"),
        (with_step({"end": "done"}), "expected a mapping such as {reason: enough}, not 'done'"),
        (with_step(None), "expected a mapping such as {push: {template: welcome}}, not nothing"),
        (with_step({"id": "a b", "wait": "1d"}), "expected 1 to 64 letters, digits, - and _, not 'a b'"),
        (with_part({"exit": "Order Completed"}), "expected a list, such as [ … ], not 'Order Completed'"),
        (with_part({"holdout": 10}), "write 10%"),
        (with_part({"cap": {"messages": "5", "per": "24h"}}), "expected a whole number, not '5'"),
        (with_step({"delay": "2d"}), "write `wait`"),
        (with_step({"wait": {"until": "09:00", "offset": "1h"}}), "'offset' does not go with until, days, zone"),
        (with_step({"wait": {"until": "event.a", "ofset": "1h"}}), "did you mean 'offset'?"),
        (with_step({"split": [{"name": "A", "share": "90%"}]}), "the shares must add up to 100%, not 90%"),
        (with_step({"webhook": {"url": "https://hook.example.com"}}), "did you mean 'hooks.example.com'?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_says_what_to_write_instead(document: dict[str, Any], sentence: str) -> None:
    """With the nearest known name, or the right place for a known one."""
    with pytest.raises(UnacceptableError) as caught:
        load_definition(document, segments={"lapsed"}, hosts={"hooks.example.com"})
    assert sentence in "\n".join(problem.message for problem in caught.value.problems)


def test_a_misspelt_name_is_one_problem() -> None:
    """It is not missing as well; what is missing besides is told."""
    assert problems(with_part({"exit": [{"evnt": "X"}]})) == {"exit.0.evnt": "unknown_name"}
    assert problems(with_part({"cap": {"mesages": 5}})) == {"cap.mesages": "unknown_name", "cap.per": "missing"}
    assert problems({"nam": "j", "steps": [CASCADE]}) == {"nam": "unknown_name"}


def test_defaults_are_the_careful_ones() -> None:
    """Active, marketing, promotions, never twice, everybody, by hand."""
    flow = load_definition(with_step({"wait": "1d"}))
    assert (flow.active, flow.transactional, flow.topic, flow.reentry.mode) == (True, False, "promotions", "never")
    assert (flow.entry, flow.goal, flow.exits, flow.holdout_percent, flow.deadline) == (None, None, (), 0, None)


def test_a_journey_says_which_events_it_listens_to() -> None:
    """So that the fold can look journeys up by event name."""
    assert listens(load_definition(EVERYTHING)) == {
        "entry_events": ["Product Added"],
        "exit_events": ["Order Completed", "identify"],
        "goal_events": ["Order Completed"],
        "wait_events": [],
        "watched": [],
        "entry_segments": [],
    }
    waits = load_definition(DOCUMENTED)
    assert listens(waits)["wait_events"] == ["Comment Added", "Paid"]
    assert listens(waits)["watched"] == ["*"]
    assert listens(load_definition(with_part({"entry": ENTRIES[1]})))["entry_segments"] == ["leave lapsed"]


def test_everything_wrong_is_told_at_once_in_the_documents_order() -> None:
    """Unknown names, wrong values, references and unreachable steps, each with its path."""
    source = """
name: Bad Name
titel: x
exit: [{event: X, wher: 1}, {event: Y, where: {trait: a, is: 1}}]
goal: {event: Y, within: 3 fortnights}
quiet_hours: {from: 21:00, to: 9, zone: Mars}
holdout: 10
class: markting
steps:
  - push: {template: crt}
    if: {trat: plan, is: 1}
  - cascade: {order: lsted, channels: [{emial: {template: cart}}]}
  - {id: b, end: }
  - {id: b, email: {template: cart}}
"""
    found = problems(source, templates={"cart"})
    assert found == {
        "name": "string_pattern_mismatch",
        "titel": "unknown_name",
        "exit.0.wher": "unknown_name",
        "exit.1.where.trait": "unknown_name",
        "goal.within": "duration",
        "quiet_hours.to": "time",
        "quiet_hours.zone": "zone",
        "holdout": "percent",
        "class": "unknown_name",
        "steps.0.push.template": "unknown_template",
        "steps.0.if.trat": "unknown_name",
        "steps.1.cascade.order": "unknown_name",
        "steps.1.cascade.channels.0.emial": "unknown_name",
        "steps.3.id": "duplicate_step",
    } | {"steps.3": "unreachable"}
    assert list(found)[:3] == ["name", "titel", "exit.0.wher"]


@pytest.mark.parametrize(("step", "path", "code"), BROKEN_STEPS, ids=str)
def test_a_wrong_step_is_refused_with_its_path(step: object, path: str, code: str) -> None:
    """Whatever its kind, also nested."""
    assert problems(with_step(step))[path] == code


@pytest.mark.parametrize(("part", "path", "code"), BROKEN_PARTS, ids=str)
def test_a_wrong_part_is_refused_with_its_path(part: dict[str, Any], path: str, code: str) -> None:
    """Entry, exits, goal, cap and the rest."""
    assert problems(with_part(part))[path] == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x [1]\nb: *x", "not_yaml"),
        ("name: x\nname: y", "not_yaml"),
        ('{"name": "x", "name": "y"}', "duplicate_key"),
        ("a: !!python/object/apply:os.getcwd []", "not_yaml"),
        ("- 1", "not_a_mapping"),
        ("", "not_a_mapping"),
        ("name: [", "not_yaml"),
        ("{" * 5000, "not_yaml"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "too_deep"),
        ("a: " + "x" * 100_001, "too_large"),
        ('{"a": NaN}', "not_a_number"),
        ('{"a": ["\\ud800"]}', "not_text"),
        ('{"\\udc00": 1}', "not_text"),
        ("1: 2", "key"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_dangerous_and_broken_documents_are_refused(text: str, code: str) -> None:
    """Size, depth, aliases, types and duplicate keys, before anything is made of them."""
    assert code in problems(text).values()


def test_moving_runs_needs_neither_pydantic_nor_yaml() -> None:
    """The functions that move runs start cold without them."""
    code = (
        "import sys; import omnicascade.domain.journeys.engine; import omnicascade.domain.journeys.journey;"
        "print({'pydantic', 'yaml', 'phonenumbers'} & set(sys.modules))"
    )
    path = str(ROOT / "layers/shared/python")
    shown = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "set()"
