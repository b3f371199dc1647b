"""May this message go now, and where to? Every rule of sending, asked again at every attempt, on every path.

Exists as one function so that no path can forget a rule: the ledger, reach and suppression, consent, the deadline,
frequency caps and quiet hours, in this order.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.past import value_of
from omnicascade.domain.deployment import Channel
from omnicascade.domain.durations import spell
from omnicascade.domain.event import at_path
from omnicascade.domain.identifiers import Identifier, normalise
from omnicascade.domain.journeys.caps import capped
from omnicascade.domain.journeys.program import CascadeChannel, SendMessage
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.journeys.scene import Scene, profile_of
from omnicascade.domain.profile import Profile
from omnicascade.domain.reach import permission, reach

ENTRY_PATH: Final = "event."
"""How a path into the entry event begins; any other is a trait's."""

_WRITTEN: Final = {Channel.EMAIL: "email", Channel.SMS: "phone"}
"""Identifier type of an address that a step names by `to`. Push tokens belong to apps and have none."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A message that will not be sent, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """A message held back until a moment, and why."""

    until: datetime
    reason: str


def clearance(scene: Scene, run: Run, step: str, place: SendMessage | CascadeChannel) -> Identifier | Held | PassedOver:
    """The address to send to now, or why not."""
    if any((entry.step, entry.channel) == (step, place.channel) for entry in run.ledger):
        return PassedOver("this step has already used this channel")
    profile = profile_of(scene, run)
    address = _address(scene, run, profile, place)
    if isinstance(address, PassedOver):
        return address
    allowed = permission(profile, place.channel, scene.journey.topic, scene.deployment)
    if not allowed.granted:
        return PassedOver(allowed.reason)
    return _too_late(scene, run) or _too_many(scene, run, place.channel) or _too_quiet(scene, profile) or address


def value_at(run: Run, profile: Profile, path: str) -> object:
    """What a step's path names: `event.…` in the entry event, else a trait."""
    if path.startswith(ENTRY_PATH):
        return at_path(run.entry or {}, path.removeprefix(ENTRY_PATH))
    return value_of(profile, path)


def owed_since(scene: Scene, run: Run) -> datetime:
    """When the message at hand was first due."""
    return run.owed_since or run.due or scene.now


def _address(scene: Scene, run: Run, profile: Profile, place: SendMessage | CascadeChannel) -> Identifier | PassedOver:
    if place.to is None:
        found = reach(profile, place.channel, scene.deployment)
        return found.address or PassedOver(found.reason)
    if place.channel in scene.deployment.channels_off:
        return PassedOver(f"channel {place.channel} is switched off in this deployment")
    value, kind = value_at(run, profile, place.to), _WRITTEN.get(place.channel)
    address = normalise(kind, value) if kind else None
    if address is None:
        return PassedOver(f"{place.to} is {show(value)}, no address for {place.channel}")
    if str(address) in profile.suppressed:
        return PassedOver(f"the address at {place.to} is suppressed: {profile.suppressed[str(address)].reason}")
    return address


def _too_late(scene: Scene, run: Run) -> PassedOver | None:
    deadline, owed = scene.journey.deadline, owed_since(scene, run)
    if deadline is None or scene.now - owed <= deadline:
        return None
    return PassedOver(f"was due at {owed.isoformat()}, longer ago than the deadline of {spell(deadline)}")


def _too_many(scene: Scene, run: Run, channel: Channel) -> PassedOver | None:
    reason = capped(scene.journey, run, scene.person, scene.deployment, channel, scene.now)
    return PassedOver(reason) if reason else None


def _too_quiet(scene: Scene, profile: Profile) -> Held | PassedOver | None:
    hours = scene.journey.quiet_hours
    if hours is None or scene.journey.transactional:
        return None
    from omnicascade.domain.journeys.quiet import quiet  # noqa: PLC0415 - journeys without quiet hours need no zones

    silence = quiet(hours, profile, scene.deployment, scene.now)
    if silence is None:
        return None
    if silence.until is None or hours.policy == "drop":
        return PassedOver(f"dropped in {silence.reason}")
    return Held(silence.until, silence.reason)
