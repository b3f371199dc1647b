"""Tell the task that waits for a run what somebody else made of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.start_run import outcome_of, task_input

if TYPE_CHECKING:
    from omnicascade.domain.deployment import Deployment
    from omnicascade.domain.journeys.journey import Journey
    from omnicascade.domain.journeys.run import Run
    from omnicascade.usecases.store_ports import EventStore, HeadReader, StoredRun
    from omnicascade.usecases.timer_port import RunTimer


LONGEST_WAIT_S: Final = 31_536_000
"""A year, the longest execution and so the longest wait of a paused run. Source: Step Functions quotas."""


@dataclass(frozen=True, slots=True)
class Bell:
    """Rings for runs that were moved by anything but their own timer; bound once per invocation."""

    customers: HeadReader
    events: EventStore
    timer: RunTimer
    deployment: Deployment

    def ring(self, stored: StoredRun, journey: Journey, now: datetime) -> None:
        """Let the waiting task end, or go on where it would come too late. May be repeated.

        A moment that moved to later needs no word: the timer finds out when it fires. Without a token a sender is at
        work and will find this revision; but a run that an audience moves gets an execution of its own, because the
        audience looks at it again only when all of its customers are due.

        Args:
            stored: the run as it is now.
            journey: the version it is pinned to.
            now: aware UTC.
        """
        run, moment = stored.run, stored.run.next_moment
        if not run.live:
            if stored.token:
                self.timer.finish(stored.token, outcome_of(run))
            return
        if moment is None or not (moment <= now or stored.rings_at is None or moment < stored.rings_at):
            return
        if stored.token:
            self.timer.wake(stored.token, self.waits(run, journey, now))
        elif run.audience:
            self.timer.start(run.run_id, task_input(run, self.waits(run, journey, now)))

    def waits(self, run: Run, journey: Journey, now: datetime) -> Sequence[int]:
        """The waits foreseen for a run if nobody reacts; a paused one is not looked at for as long as can be."""
        if run.paused_at is not None:
            return (LONGEST_WAIT_S,)
        customer = customer_at(run.profile_id, self.customers, self.deployment)
        if customer is None:
            return (engine.ROOM_S,)
        person = person_of(customer, engine.needs(journey, self.deployment), self.events, now)
        return engine.foresee(journey, run, person, self.deployment, now)


def customer_at(node: NodeId | str, customers: HeadReader, deployment: Deployment) -> Customer | None:
    """The customer of a node, by the deployment's own rules and computed traits; None when nobody knows it."""
    return find_customer(NodeId(node), customers, deployment.identity, definitions=deployment.computed)
