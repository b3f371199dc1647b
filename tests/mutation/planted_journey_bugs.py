"""Bugs of journeys that must never live unseen: a message too many, at night, after an order, without consent."""

from __future__ import annotations

from typing import Final

from tests.mutation.planted_bugs import PlantedBug

_DELIVERIES: Final = "tests/usecases/test_deliveries.py"
_RACES: Final = "tests/usecases/test_journey_races.py"
_LAWS: Final = "tests/usecases/test_journey_laws.py"
_HURT: Final = "tests/usecases/test_what_hurt_others.py"
_CONTROL: Final = "tests/usecases/test_control_journeys.py"
_TOGETHER: Final = "tests/usecases/test_journeys_of_one_person.py"
_WAIT_FOR: Final = "tests/domain/journeys/test_wait_for.py"
_MESSAGES: Final = "tests/domain/journeys/test_messages.py"
_ENGINE: Final = "tests/domain/journeys/test_journey_engine.py"
_SEGMENTS: Final = "tests/usecases/test_keep_segments.py"
_CLAIMS: Final = "tests/adapters/test_claim_contract.py"

PLANTED_IN_JOURNEYS: Final = (
    PlantedBug(
        "a run is claimed for whoever was first",
        "adapters/memory_runs.py",
        "if held is None or held.revision != before.revision:",
        "if held is None:",
        (_CLAIMS, _DELIVERIES),
    ),
    PlantedBug(
        "a message's place in the log of contacts is taken whoever was first",
        "adapters/memory_runs.py",
        "if (held.revision if held else 0) != claim.log.revision:",
        "if held and not held.revision:",
        (_CLAIMS,),
    ),
    PlantedBug(
        "caps count the messages of the profile's own identifier alone",
        "usecases/find_customer.py",
        "contacts=tuple(contact for log in self.logs for contact in log.contacts))",
        "contacts=self.own_log.contacts)",
        (_TOGETHER,),
        quick=True,
    ),
    PlantedBug(
        "the last look before a message does not end with an exit event",
        "usecases/deliver_message.py",
        "if moved and not moved.live:",
        "if moved and moved.live:",
        (_RACES,),
    ),
    PlantedBug(
        "the last look does not ask for exits by condition",
        "usecases/deliver_message.py",
        "return None if seen is None or seen.live else",
        "return None if seen is None or not seen.live else",
        (_RACES,),
    ),
    PlantedBug(
        "quiet hours are those of UTC",
        "domain/journeys/quiet.py",
        "if found is None or not _is_quiet(hours, now.astimezone(found[0])):",
        "if found is None or not _is_quiet(hours, now):",
        (_TOGETHER, _HURT),
        quick=True,
    ),
    PlantedBug(
        "splits are decided by the id of the day",
        "usecases/start_run.py",
        "anchor=anchor_of(journey, customer),",
        "anchor=profile.profile_id,",
        (_TOGETHER,),
        quick=True,
    ),
    PlantedBug(
        "a merge forgets what the other run sent",
        "domain/journeys/merging.py",
        "ledger=(*updated, *added)",
        "ledger=tuple(updated)",
        (_TOGETHER, _HURT),
    ),
    PlantedBug(
        "an event that is delivered again starts again",
        "usecases/start_run.py",
        'if slot.run_id.endswith(f"_{mark}"):',
        'if slot.run_id == f"_{mark}":',
        (_DELIVERIES, "tests/usecases/test_crash_matrix.py"),
    ),
    PlantedBug(
        "the price of a message is not reserved",
        "usecases/claim_message.py",
        "if send.budget is not None:",
        "if send.budget is not None and price.amount < 0:",
        (_TOGETHER,),
        quick=True,
    ),
    PlantedBug(
        "a paused run goes on sending",
        "domain/journeys/timer.py",
        "if not run.live or run.paused_at is not None:\n        return Step(run, None)",
        "if not run.live:\n        return Step(run, None)",
        (_CONTROL, _LAWS),
    ),
    PlantedBug(
        "membership is remembered before the journey is entered, so that a crash loses the entry",
        "usecases/keep_segments.py",
        """        if found.member != was and cause.starts and _noticed(segment, known, customer):
            self._start(segment, customer, cause, now, enters=found.member)
        written = self._remember(found, own, now)
""",
        """        written = self._remember(found, own, now)
        if found.member != was and cause.starts and _noticed(segment, known, customer):
            self._start(segment, customer, cause, now, enters=found.member)
""",
        (_SEGMENTS, "tests/usecases/test_segment_laws.py"),
    ),
    PlantedBug(
        "a message that is late goes out all the same",
        "domain/journeys/clearance.py",
        "if deadline is None or scene.now - owed <= deadline:",
        "if deadline is None or scene.now >= owed:",
        (_MESSAGES, _ENGINE),
    ),
    PlantedBug(
        "a person whom only a merge brought into the hold-out is written to",
        "usecases/advance_run.py",
        "if not run.live or not engine.held_out_any(journey, anchors):",
        "if not run.live or not engine.held_out(journey, run.anchor):",
        (_TOGETHER,),
    ),
    PlantedBug(
        "consent that was withdrawn a moment ago is not looked at",
        "usecases/deliver_message.py",
        "return None if allowed.granted else Delivery(",
        "return None if allowed else Delivery(",
        ("tests/usecases/test_deliver_message.py", _LAWS),
    ),
    PlantedBug(
        "any event ends a wait for one",
        "domain/journeys/arrivals.py",
        "if not means(at, run, event) or (until is not None and event.received_at >= until):",
        "if until is not None and event.received_at >= until:",
        (_WAIT_FOR, _HURT),
    ),
    PlantedBug(
        "a task whose moment was brought forward before a crash is not told afterwards",
        "usecases/ring_timer.py",
        "if moment is None or not (moment <= now or stored.rings_at is None or moment < stored.rings_at):",
        "if moment is None or not (moment <= now or stored.rings_at is None):",
        ("tests/usecases/test_ring_timer.py",),
    ),
    PlantedBug(
        "a slot that is seen before the run that took it is free",
        "usecases/start_run.py",
        "if stored and stored.run.live:",
        "if stored and not stored.run.live:",
        ("tests/usecases/test_start_run.py",),
    ),
    PlantedBug(
        "a run rests by itself although it watches a condition",
        "domain/journeys/timer.py",
        "if watches(journey) or run.waiting or run.paused_at:",
        "if run.waiting or run.paused_at:",
        ("tests/domain/journeys/test_journey_laws.py",),
        quick=True,
    ),
)
