"""Who moves a run now, and what is written of that with it.

Exists because a sender may outlive the state that called it: then the state that was entered after it has the run in
hand, and must not lose its token to the older one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from omnicascade.usecases.store_ports import RunStore, StoredRun

TIMER_TOLERANCE: Final = timedelta(seconds=2)
"""A state's clock starts a moment before the function's: a timer that fires so much early is on time."""


class Kept(TypedDict):
    """What a write of a run says of whoever waits for it: see `StoredRun`."""

    token: str
    entered: str


class ErasedError(Exception):
    """The customer was erased while the run was waiting or at work: nothing is left to do, and nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who moves a run now.

    Attributes:
        now: aware UTC.
        token: kept with the run for whoever moves it next; empty where nobody waits.
        entered: when the state that waits was entered, as text that sorts; empty where that is not known.
        attempt: how often this was tried before.
    """

    now: datetime
    token: str = ""
    entered: str = ""
    attempt: int = 0

    def superseded(self, stored: StoredRun) -> bool:
        """Whether a later state has the run in hand: its token stays, and it hears of what changes."""
        return bool(self.entered) and stored.entered > self.entered

    def kept(self, stored: StoredRun, token: str = "") -> Kept:
        """Token and state to be written with a run: while it is being moved nobody waits for it.

        Whoever has no token is an audience, which must not clear that of an execution that took the run over.
        """
        if not self.token or self.superseded(stored):
            return {"token": stored.token, "entered": stored.entered}
        return {"token": token, "entered": self.entered or stored.entered}


def reloaded(runs: RunStore, run_id: str) -> StoredRun:
    """A run that was there a moment ago, as it is now.

    Raises:
        ErasedError: it is gone, and so is its customer.
    """
    stored = runs.load(run_id)
    if stored is None:
        raise ErasedError
    return stored
