"""Compiling: what steps are called, where arms lead, and that the flat program does what the nested one says."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import from_json, to_json
from omnicascade.domain.journeys.program import Check, End, Fork, Instruction, Jump, SendMessage, Split, WaitFor
from tests.domain.journeys.definition.examples import with_step

YES = {"trait": "a", "is": 1}
MAIL = {"email": {"template": "t"}}


def program(*steps: Any) -> tuple[Instruction, ...]:
    """What these steps compile to."""
    return load_definition(with_step(*steps)).program


def problems(*steps: Any) -> dict[str, str]:
    """The codes of everything that is wrong with these steps, by path."""
    with pytest.raises(UnacceptableError) as caught:
        program(*steps)
    return {problem.path: problem.code for problem in caught.value.problems}


def shape(code: Sequence[Instruction]) -> list[str]:
    """Each instruction in a word, with its targets."""
    return [f"{type(part).__name__} {part.step} {_targets(part)}".strip() for part in code]


def _targets(part: Instruction) -> str:
    match part:
        case Check() | Fork() | WaitFor():
            return str(part.otherwise)
        case Jump():
            return str(part.to)
        case Split():
            return " ".join(f"{arm.name}{arm.to}" for arm in part.arms)
        case _:
            return ""


def test_a_branch_is_forks_that_lead_to_each_other_and_arms_that_lead_to_its_end() -> None:
    """Nested steps are named after their arm."""
    branch = {"branch": [{"if": YES, "then": [MAIL]}, {"if": YES, "then": [MAIL, MAIL]}], "otherwise": [MAIL]}
    assert shape(program(branch, MAIL)) == [
        "Fork branch-1 3",
        "SendMessage branch-1-1-email-1",
        "Jump branch-1 8",
        "Fork branch-1 7",
        "SendMessage branch-1-2-email-1",
        "SendMessage branch-1-2-email-2",
        "Jump branch-1 8",
        "SendMessage branch-1-otherwise-email-1",
        "SendMessage email-2",
    ]


def test_a_branch_without_otherwise_ends_behind_its_last_arm() -> None:
    """No jump is needed there; an arm may be empty."""
    assert shape(program({"branch": [{"if": YES, "then": []}, {"if": YES, "then": [MAIL]}]})) == [
        "Fork branch-1 2",
        "Jump branch-1 4",
        "Fork branch-1 4",
        "SendMessage branch-1-2-email-1",
    ]


def test_a_split_names_where_each_arm_begins() -> None:
    """An arm without steps begins at its end."""
    arms = [{"name": "push first", "share": "30%", "then": [MAIL]}, {"name": "B", "share": "60%", "then": [MAIL]}]
    code = program({"id": "test", "split": [*arms, {"name": "none", "share": "10%"}]}, MAIL)
    assert shape(code) == [
        "Split test push first1 B3 none5",
        "SendMessage test-push-first-email-1",
        "Jump test 5",
        "SendMessage test-B-email-1",
        "Jump test 5",
        "SendMessage email-2",
    ]
    assert isinstance(code[0], Split)
    assert [arm.share for arm in code[0].arms] == [30, 60, 10]


def test_a_wait_for_an_event_goes_on_behind_itself_or_at_its_time_out() -> None:
    """`then`, a jump, `otherwise`; without `otherwise` the time-out leads behind both."""
    wait = {"wait_for": {"event": "Paid", "timeout": "1d"}}
    assert shape(program({**wait, "then": [MAIL], "otherwise": [MAIL]})) == [
        "WaitFor wait_for-1 3",
        "SendMessage wait_for-1-then-email-1",
        "Jump wait_for-1 4",
        "SendMessage wait_for-1-otherwise-email-1",
    ]
    assert shape(program({**wait, "then": [MAIL]}, MAIL))[0] == "WaitFor wait_for-1 2"
    assert shape(program({**wait, "otherwise": [MAIL]}))[:2] == ["WaitFor wait_for-1 2", "Jump wait_for-1 3"]
    assert shape(program(wait)) == ["WaitFor wait_for-1 1"]


def test_a_condition_leaves_out_the_whole_of_a_nested_step() -> None:
    """Not only its first instruction."""
    assert shape(program({"branch": [{"if": YES, "then": [MAIL]}], "otherwise": [MAIL], "if": YES}))[0] == (
        "Check branch-1 5"
    )


def test_ids_name_arms_and_conditions_may_ask_for_nested_steps() -> None:
    """Own ids stand for the place of what they hold."""
    nested = {"id": "paid", "branch": [{"if": YES, "then": [{"id": "mail", **MAIL}, MAIL]}]}
    code = program(nested, {"push": {"template": "t"}, "if": {"step": "paid-1-email-2", "is": "answered"}})
    assert [part.step for part in code] == ["paid", "mail", "paid-1-email-2", "push-2", "push-2"]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", part.step) for part in code)


def test_steps_behind_a_certain_end_are_unreachable() -> None:
    """Also where every arm ends, at any depth; a condition or a missing `otherwise` leaves a way."""
    end: dict[str, Any] = {"end": None}
    both = [{"if": YES, "then": [end]}]
    assert problems(end, MAIL) == {"steps.1": "unreachable"}
    assert problems({"branch": both, "otherwise": [MAIL, end]}, MAIL) == {"steps.1": "unreachable"}
    assert problems({"split": [{"name": "A", "share": "100%", "then": [end, MAIL]}]}, MAIL) == {
        "steps.0.split.0.then.1": "unreachable",
        "steps.1": "unreachable",
    }
    wait = {"wait_for": {"event": "X"}, "then": [end]}
    assert problems({**wait, "otherwise": [end]}, MAIL) == {"steps.1": "unreachable"}
    for open_way in ({**end, "if": YES}, {"branch": both}, {"branch": both, "otherwise": []}, wait):
        assert isinstance(program(open_way, MAIL)[-1], SendMessage)
    assert program({"branch": both, "otherwise": [end], "if": YES}, MAIL)


def test_doubled_ids_are_refused_wherever_they_stand() -> None:
    """Own against own, and own against made ones."""
    inner = {"branch": [{"if": YES, "then": [{"id": "a", **MAIL}]}]}
    assert problems({"id": "a", **MAIL}, inner) == {"steps.1.branch.0.then.0.id": "duplicate_step"}
    assert problems({"id": "email-2", **MAIL}, MAIL) == {"steps.1.id": "duplicate_step"}


def test_the_number_and_the_depth_of_steps_are_bounded() -> None:
    """A hundred steps, ten levels, and ids that fit into a message's tags."""
    assert len(program(*[MAIL] * 100)) == 100
    assert problems(*[MAIL] * 101) == {"steps": "too_many"}
    assert program(_nested(10))
    assert set(problems(_nested(11)).values()) == {"too_deep"}
    long = {"id": "x" * 64, "split": [{"name": "y" * 40, "share": "100%", "then": [_split_deeper(4)]}]}
    assert "too_long" in problems(long).values()


LOOP: dict[str, Any] = {"name": "j", "entry": {"event": "identify"}, "reentry": "always"}


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"reentry": {}},
        {"entry": {"event": "identify", "key": "traits.plan"}},
        {"entry": {"event": "identify", "where": {"event": "traits.plan", "is": "paid"}}},
    ],
    ids=str,
)
def test_a_journey_that_starts_itself_without_end_is_refused(part: dict[str, Any]) -> None:
    """An update is an identify call; nested ones are found as well."""
    update = {"branch": [{"if": YES, "then": [MAIL, {"update": {"traits": {"plan": "paid"}}}]}]}
    with pytest.raises(UnacceptableError) as caught:
        load_definition({**LOOP, **part, "steps": [update]})
    assert [(p.path, p.code) for p in caught.value.problems] == [("steps.0.branch.0.then.1.update", "endless_loop")]


@pytest.mark.parametrize(
    "part",
    [
        {"reentry": "never"},
        {"reentry": {"after": "1d"}},
        {"reentry": {"limit": 3}},
        {"entry": {"event": "Signed Up"}},
        {"entry": {"event": "identify", "key": "traits.email"}},
        {"entry": {"event": "identify", "where": {"event": "traits.plan", "is": "free"}}},
        {"entry": {"event": "identify", "where": {"not": {"trait": "plan", "is": "paid"}}}},
    ],
    ids=str,
)
def test_a_journey_that_may_come_to_rest_is_accepted(part: dict[str, Any]) -> None:
    """A bound, another event, another key, or a condition that its own update changes."""
    assert load_definition({**LOOP, **part, "steps": [{"update": {"traits": {"plan": "paid"}}}]})


def _nested(depth: int) -> Mapping[str, Any]:
    step: Mapping[str, Any] = MAIL
    for _ in range(depth - 1):
        step = {"branch": [{"if": YES, "then": [step]}]}
    return step


def _split_deeper(depth: int) -> Mapping[str, Any]:
    step: Mapping[str, Any] = MAIL
    for _ in range(depth):
        step = {"split": [{"name": "z" * 40, "share": "100%", "then": [step]}]}
    return step


def test_a_journey_too_large_for_its_item_is_refused() -> None:
    """Also as a mapping, whose text was never measured."""
    bodies = [{"webhook": {"url": "https://hooks.example.com", "body": {"text": "x" * 3000}}} for _ in range(80)]
    assert problems(*bodies) == {"steps": "too_large"}


type Step = dict[str, Any]
type Steps = list[Step]

LEAVES: st.SearchStrategy[Step] = st.sampled_from([MAIL, {"wait": "1d"}, {**MAIL, "if": YES}, {"end": {}, "if": YES}])


def _branch(arms: list[Steps], rest: Steps | None) -> Step:
    listed = [{"if": YES, "then": then} for then in arms]
    return {"branch": listed} if rest is None else {"branch": listed, "otherwise": rest}


def _split(first: Steps, second: Steps) -> Step:
    return {"split": [{"name": "A", "share": "40%", "then": first}, {"name": "B", "share": "60%", "then": second}]}


def _wait_for(then: Steps, late: Steps | None) -> Step:
    step: Step = {"wait_for": {"event": "X"}, "then": then}
    return step if late is None else {**step, "otherwise": late}


def _conditional(step: Step) -> Step:
    return {**step, "if": YES}


def _composed(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    lists = st.lists(inner, max_size=3)
    branch = st.builds(_branch, st.lists(lists, min_size=1, max_size=3), st.none() | lists)
    nested = branch | st.builds(_split, lists, lists) | st.builds(_wait_for, lists, st.none() | lists)
    return nested | st.builds(_conditional, nested)


NESTED = st.lists(st.recursive(LEAVES, _composed, max_leaves=12), min_size=1, max_size=4)


@given(NESTED, st.randoms(use_true_random=False))
def test_the_flat_program_does_what_the_nested_steps_say(steps: list[dict[str, Any]], random: Any) -> None:
    """Whatever is decided at each fork: the same steps in the same order; and a jump always leads forward."""
    code = load_definition(with_step(*steps)).program
    choices = dict[str, int]()

    def choose(step: str, options: int) -> int:
        return choices.setdefault(f"{step} {options}", random.randrange(options))

    for at, part in enumerate(code):
        assert all(at < target <= len(code) for target in _ways(part))
    assert _run_flat(code, choose) == _run_nested(steps, "", choose)


@given(NESTED)
def test_a_nested_journey_survives_its_stored_form(steps: list[dict[str, Any]]) -> None:
    """Through real JSON text, whatever its shape; as JSON it means the same as the mapping."""
    journey = load_definition(with_step(*steps))
    assert from_json(json.loads(json.dumps(to_json(journey)))) == journey
    assert load_definition(json.dumps(with_step(*steps))) == journey


def _ways(part: Instruction) -> list[int]:
    match part:
        case Check() | Fork() | WaitFor():
            return [part.otherwise]
        case Jump():
            return [part.to]
        case Split():
            return [arm.to for arm in part.arms]
        case _:
            return []


def _run_flat(code: Sequence[Instruction], choose: Callable[[str, int], int]) -> list[str]:
    seen, at, forks = list[str](), 0, dict[str, int]()
    while at < len(code):
        part = code[at]
        at += 1
        match part:
            case Check(step, _, otherwise):
                at = at if choose(f"{step}?", 2) else otherwise
            case Fork(step, _, _, otherwise):
                forks[step] = forks.get(step, -1) + 1
                at = at if choose(f"{step}#{forks[step]}", 2) else otherwise
            case Jump(_, to):
                at = to
            case Split(step, arms):
                at = arms[choose(step, len(arms))].to
            case WaitFor(step, _, otherwise):
                at = at if choose(step, 2) else otherwise
            case End(step, _):
                return [*seen, step]
            case _:
                seen.append(part.step)
    return seen


def _run_nested(steps: Sequence[Mapping[str, Any]], prefix: str, choose: Callable[[str, int], int]) -> list[str]:
    """What a reader of the document would do; a step's name ends a list that ends the run with an exclamation mark."""
    seen: list[str] = []
    for n, step in enumerate(steps, start=1):
        kind = next(kind for kind in ("email", "wait", "end", "branch", "split", "wait_for") if kind in step)
        name = f"{prefix}{kind}-{n}"
        if "if" in step and not choose(f"{name}?", 2):
            continue
        arm, inner = _arm(step, kind, name, choose)
        if kind in {"email", "wait", "end"}:
            seen.append(name)
        if kind == "end":
            return seen
        seen += _run_nested(inner, f"{name}-{arm}-", choose)
        if seen and re.search(r"(^|-)end-\d+$", seen[-1]):
            return seen
    return seen


def _arm(
    step: Mapping[str, Any], kind: str, name: str, choose: Callable[[str, int], int]
) -> tuple[str, Sequence[Mapping[str, Any]]]:
    if kind == "branch":
        for n, arm in enumerate(step["branch"]):
            if choose(f"{name}#{n}", 2):
                return str(n + 1), arm["then"]
        return "otherwise", step.get("otherwise") or []
    if kind == "split":
        arm = step["split"][choose(name, 2)]
        return arm["name"], arm["then"]
    if kind == "wait_for":
        word = "then" if choose(name, 2) else "otherwise"
        return word, step.get(word) or []
    return "", []
