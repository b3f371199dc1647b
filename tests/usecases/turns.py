"""Several actors at once, one step at a time: a seed decides at every call of a port who goes on.

The actors are threads, of which only the one that holds the baton runs; so a seed replays its race exactly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.usecases.port_proxy import Call


class Turns:
    """Stands at every port (`Around`) while `play` lets the actors race."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._mine = threading.local()
        self._back = threading.Semaphore(0)

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        del call
        baton: threading.Semaphore | None = getattr(self._mine, "baton", None)
        if baton is not None:
            self._back.release()
            baton.acquire()
        return proceed()

    def play(self, *actors: Callable[[], None]) -> None:
        """Run the actors to their ends; the first error that one of them raised is raised here."""
        errors: list[BaseException] = []
        batons = [threading.Semaphore(0) for _ in actors]
        threads = [
            threading.Thread(target=self._act, args=(actor, baton, errors), daemon=True)
            for actor, baton in zip(actors, batons, strict=True)
        ]
        for thread in threads:
            thread.start()
        self._pass_on(threads, batons)
        if errors:
            raise errors[0]

    def _act(self, actor: Callable[[], None], baton: threading.Semaphore, errors: list[BaseException]) -> None:
        baton.acquire()
        self._mine.baton = baton
        try:
            actor()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that plays
            errors.append(error)
        finally:
            self._mine.baton = None
            baton.release()  # tells `_pass_on` that this one is done
            self._back.release()

    def _pass_on(self, threads: Sequence[threading.Thread], batons: Sequence[threading.Semaphore]) -> None:
        playing = list(zip(threads, batons, strict=True))
        while playing:
            thread, baton = self._random.choice(playing)
            baton.release()
            self._back.acquire()
            if baton.acquire(blocking=False):
                thread.join()
                playing.remove((thread, baton))
