"""Whether a customer can be reached over a channel, and may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omnicascade.domain.deployment import Channel, Deployment, Topic
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity_rules import PUSH_TOKEN_TYPES
from omnicascade.domain.profile import Profile

ADDRESS_TYPES: Final[Mapping[Channel, tuple[str, ...]]] = {
    Channel.EMAIL: ("email",),
    Channel.SMS: ("phone",),
    Channel.PUSH: PUSH_TOKEN_TYPES,
}
"""Types of identifiers that are addresses of a channel."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The address to use, or None; always with the reason."""

    address: Identifier | None
    reason: str


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether consent allows a message; `stated` tells a customer's word from the topic's default."""

    granted: bool
    stated: bool
    reason: str


def reach(profile: Profile, channel: Channel, deployment: Deployment) -> Reach:
    """The most recently seen address of a channel that is not suppressed."""
    if channel in deployment.channels_off:
        return Reach(None, f"channel {channel} is switched off in this deployment")
    kinds = ADDRESS_TYPES[channel]
    known = [k for k in profile.identifiers if k.identifier.type in kinds]
    if not known:
        return Reach(None, f"no {channel} address known")
    known.sort(key=lambda k: (k.last_seen, k.identifier.value), reverse=True)
    for candidate in known:
        if str(candidate.identifier) not in profile.suppressed:
            return Reach(candidate.identifier, "address known")
    why = profile.suppressed[str(known[0].identifier)].reason
    return Reach(None, f"every {channel} address is suppressed: {why}")


def permission(profile: Profile, channel: Channel, topic: str, deployment: Deployment) -> Permission:
    """What the customer said of this channel and topic, else what the topic's default says.

    A refusal of the whole channel (`email/*`) outranks a grant of one topic given earlier, and the other way round.
    """
    said = [(key, profile.consent[key]) for key in (f"{channel}/{topic}", f"{channel}/*") if key in profile.consent]
    if said:
        key, latest = max(said, key=lambda pair: (pair[1].at, not pair[1].granted))
        word = "granted" if latest.granted else "denied"
        return Permission(latest.granted, stated=True, reason=f"{key} {word} by {latest.source}")
    opt_in = deployment.topics.get(topic, Topic.OPT_OUT) is Topic.OPT_IN
    default = "opt-in, and the customer has not opted in" if opt_in else "opt-out, and the customer has not opted out"
    return Permission(not opt_in, stated=False, reason=f"topic {topic} is {default}")
