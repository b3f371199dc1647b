"""The timer's stimulus: what a run does when its moment has come, up to the next command, the next wait or its end."""

from datetime import datetime, timedelta
from typing import Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.durations import LONGEST, seconds
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.choices import checked, forked, split
from omnicascade.domain.journeys.clearance import Held, PassedOver, clearance, owed_since
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits, Step
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import (
    behind_cascade,
    decided,
    ended,
    instruction_at,
    passed,
    require_pinned,
    settled,
    slot,
    watches,
)
from omnicascade.domain.journeys.ordering import order_of
from omnicascade.domain.journeys.outcomes import record_call, record_outcome
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.program import (
    Cascade,
    CascadeChannel,
    Check,
    Digest,
    End,
    Fork,
    Jump,
    SendMessage,
    Split,
    Update,
    Wait,
    WaitFor,
    WaitLocal,
    WaitUntil,
    Webhook,
)
from omnicascade.domain.journeys.run import LedgerEntry, OpenCascade, Run, Said, run_id_of
from omnicascade.domain.journeys.scene import SAID_FOR, Scene, profile_of
from omnicascade.domain.journeys.waits import digest, wait, wait_for, wait_local, wait_until
from omnicascade.domain.journeys.watching import exited, met, with_look
from omnicascade.domain.replacing import replace

ROOM_S: Final = 60
"""Seconds foreseen for a stop that ends the run: room for the call itself."""


def advance(journey: Journey, run: Run, person: Person, deployment: Deployment, now: datetime) -> Step:
    """Move a run whose moment has come; it stays where it is if it is due later, is paused or has ended.

    May be called at any time. Returns as soon as the outside world is asked for something, the run waits (until
    `Run.next_moment`) or it ends. A message is claimed in the returned run: store that first, then send, then
    `record_outcome`. Traits and webhooks are carried out first: then store the run, or `record_call`. Either way call
    again. A channel that cannot or may not be used is passed over at once, with a decision. A message claimed earlier
    without an outcome means that the caller crashed between claim and outcome: it counts as possibly sent from its
    claim on, and is never sent again.

    Exits with `when` are judged first, and before every message; a `wait_for` whose condition holds is left at once.

    Raises:
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    run = _settled(journey, run, now)
    if not run.live or run.paused_at is not None:
        return Step(run, None)
    scene = Scene(journey, person, deployment, now)
    if journey.exits:
        run = exited(scene, run) or run
    if run.waiting and run.live:
        run = met(scene, run) or run
    while run.live and run.due is not None and run.due <= now:
        step = _execute(scene, run)
        if step.command:
            return step
        run = step.run
    return Step(with_look(scene, run), None)


def rest(journey: Journey, run: Run, now: datetime) -> Run | None:
    """Where `advance` would leave a run whose message is on its way, if no look at the customer is needed to know.

    None where one is needed: another message, a choice or an event may follow, or a condition is watched.
    """
    if watches(journey) or run.waiting or run.paused_at:
        return None
    while run.live and run.due is not None and run.due <= now:
        at = instruction_at(journey, run)
        if at is None or isinstance(at, Jump | Wait | End):
            run = _onward(run, at, now)
        elif isinstance(at, Cascade) and run.cascade and slot(journey, run) is None:
            run = behind_cascade(run)
        else:
            return None
    return run


def foresee(journey: Journey, run: Run, person: Person, deployment: Deployment, now: datetime) -> tuple[int, ...]:
    """Whole seconds to wait at each stop if nobody reacts and every message is taken; each at least 1.

    The first is the wait behind what happens now; the stop that ends the run counts `ROOM_S`. A cascade of push 4h,
    email 20h and sms gives `(14400, 72000, 60)`; with an entry delay of an hour, `(3600, 14400, 72000, 60)`. A look at
    a condition is a stop of its own. A paused run rests for as long as a run can live.
    """
    stops: list[int] = []
    while run.live:
        if run.paused_at is not None:
            return (*stops, seconds(LONGEST), ROOM_S)
        step = advance(journey, run, person, deployment, now)
        while step.command:
            run = _carried_out(journey, step, now)
            step = advance(journey, run, person, deployment, now)
        run = step.run
        moment = run.next_moment
        if moment is not None:
            stops.append(max(1, seconds(moment - now)))
            now += timedelta(seconds=stops[-1])
    return (*stops, ROOM_S)


def _carried_out(journey: Journey, step: Step, now: datetime) -> Run:
    match step.command:
        case Send(message_id):
            return record_outcome(journey, step.run, message_id, "sent", now=now)
        case CallWebhook(step=name):
            return record_call(journey, step.run, name, "called", "foreseen", now)
        case _:
            return step.run


def _settled(journey: Journey, run: Run, now: datetime) -> Run:
    """The run's own claims whose outcome was never recorded may have been sent."""
    for entry in run.ledger:
        if entry.outcome == "claimed" and run_id_of(entry.message_id) == run.run_id:
            lost = replace(entry, outcome="unknown", reason="claimed, and the outcome was never recorded")
            run = settled(journey, run, lost, since=entry.claimed_at, now=now)
    return run


def _onward(run: Run, at: Jump | Wait | End | None, now: datetime) -> Run:
    """The run behind what asks nothing of the customer."""
    match at:
        case Jump():
            return replace(run, pc=at.to)
        case Wait():
            return wait(run, at, now)
        case End():
            return ended(run, now, at.step, "completed", at.reason)
        case None:
            return ended(run, now, "", "completed", "nothing left to do")


def _execute(scene: Scene, run: Run) -> Step:  # noqa: C901 - one case for each instruction
    instruction = instruction_at(scene.journey, run)
    match instruction:
        case SendMessage(step):
            return _attempt(scene, run, step, instruction)
        case Cascade():
            return _cascade(scene, run, instruction)
        case Update():
            return _update(scene, run, instruction)
        case Webhook(step, url, body):
            return _last_exit(scene, run) or Step(run, CallWebhook(f"webhook:{run.run_id}:{step}", step, url, body))
        case Check():
            moved = checked(scene, run, instruction)
        case Fork():
            moved = forked(scene, run, instruction)
        case Split():
            moved = split(scene, run, instruction)
        case WaitUntil():
            moved = wait_until(scene, run, instruction)
        case WaitLocal():
            moved = wait_local(scene, run, instruction)
        case WaitFor():
            moved = wait_for(scene, run, instruction)
        case Digest():
            moved = digest(scene, run, instruction)
        case Jump() | Wait() | End() | None:
            moved = _onward(run, instruction, scene.now)
    return Step(moved, None)


def _update(scene: Scene, run: Run, at: Update) -> Step:
    command = SetTraits(f"update:{run.run_id}:{at.step}", at.step, at.traits)
    recent = (said for said in run.said if scene.now - said.at <= SAID_FOR)
    moved = replace(run, pc=run.pc + 1, due=scene.now, said=(*recent, Said(at.traits, scene.now)))
    return Step(decided(moved, scene.now, at.step, "updated", f"says {', '.join(at.traits)}"), command)


def _cascade(scene: Scene, run: Run, cascade: Cascade) -> Step:
    if run.cascade is None:
        order = order_of(cascade, profile_of(scene, run), scene.deployment)
        run = replace(run, cascade=OpenCascade(order))
    place = slot(scene.journey, run)
    return Step(behind_cascade(run), None) if place is None else _attempt(scene, run, cascade.step, place)


def _last_exit(scene: Scene, run: Run) -> Step | None:
    over = exited(scene, run) if scene.journey.exits else None
    return Step(over, None) if over else None


def _attempt(scene: Scene, run: Run, step: str, place: SendMessage | CascadeChannel) -> Step:
    match clearance(scene, run, step, place):
        case Identifier() as address:
            return _last_exit(scene, run) or _claimed(scene, run, step, place, address)
        case Held(until, reason):
            held = replace(run, due=until, owed_since=owed_since(scene, run))
            return Step(decided(held, scene.now, step, "held", f"{place.channel}: {reason}"), None)
        case PassedOver(reason):
            return Step(passed(decided(run, scene.now, step, "skipped", f"{place.channel}: {reason}")), None)


def _claimed(scene: Scene, run: Run, step: str, place: SendMessage | CascadeChannel, address: Identifier) -> Step:
    message_id = f"{run.run_id}-{len(run.ledger)}"
    entry = LedgerEntry(message_id, step, place.channel, place.template, address, scene.now)
    claimed = replace(run, ledger=(*run.ledger, entry), due=scene.now)
    return Step(claimed, Send(message_id, step, place.channel, place.template, address, place.budget))
