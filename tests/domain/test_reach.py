"""Over which address a customer can be reached, and whether they may be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from omnicascade.domain.deployment import Channel, Deployment, Topic
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.profile import Consent, Counters, KnownIdentifier, Profile, ProfileId, Suppression
from omnicascade.domain.reach import permission, reach

T0 = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = Identifier("email", "old@example.com"), Identifier("email", "new@example.com")
PHONE = Identifier("phone", "+48601234567")
IPHONE, TABLET = Identifier("ios.push_token", "t-1"), Identifier("android.push_token", "t-2")


def profile(
    *seen: Identifier, suppressed: tuple[Identifier, ...] = (), consent: Mapping[str, tuple[bool, int]] | None = None
) -> Profile:
    """A customer with these identifiers, each seen a minute after the one before."""
    known = [KnownIdentifier(i, T0, T0 + timedelta(minutes=n), "web") for n, i in enumerate(seen)]
    return Profile(
        ProfileId("p"),
        (),
        tuple(known),
        {},
        {
            key: Consent(granted, T0 + timedelta(minutes=minute), "web")
            for key, (granted, minute) in (consent or {}).items()
        },
        {str(i): Suppression("bounced", T0) for i in suppressed},
        Counters(),
        T0,
        T0,
    )


@pytest.mark.parametrize(("channel", "address"), [(Channel.EMAIL, NEW), (Channel.SMS, PHONE), (Channel.PUSH, TABLET)])
def test_the_address_seen_last_is_used(channel: Channel, address: Identifier) -> None:
    """Each channel has its own kinds of address."""
    ann = profile(OLD, NEW, PHONE, IPHONE, TABLET, Identifier("user_id", "ann"))
    assert reach(ann, channel, Deployment()).address == address


def test_a_suppressed_address_gives_way_to_another() -> None:
    """The next address is used, in the order they were seen last."""
    assert reach(profile(OLD, NEW, suppressed=(NEW,)), Channel.EMAIL, Deployment()).address == OLD


def test_why_nobody_can_be_reached() -> None:
    """No address, only suppressed ones, or the channel is off: each has its own words."""
    deployment = Deployment(channels_off=frozenset({"sms"}))
    none, dead = (
        reach(profile(), Channel.EMAIL, deployment),
        reach(profile(OLD, suppressed=(OLD,)), Channel.EMAIL, deployment),
    )
    off = reach(profile(PHONE), Channel.SMS, deployment)
    assert [none.address, dead.address, off.address] == [None] * 3
    assert none.reason == "no email address known"
    assert dead.reason == "every email address is suppressed: bounced"
    assert off.reason == "channel sms is switched off in this deployment"


@pytest.mark.parametrize(
    ("consent", "granted"),
    [
        ({"email/news": (True, 1)}, True),
        ({"email/news": (False, 1)}, False),
        ({"email/*": (False, 1)}, False),
        ({"email/news": (True, 1), "email/*": (False, 2)}, False),
        ({"email/news": (True, 2), "email/*": (False, 1)}, True),
        ({"email/news": (True, 1), "email/*": (False, 1)}, False),
        ({"email/news": (False, 1), "email/*": (True, 1)}, False),
        ({"email/news": (False, 1), "email/*": (True, 2)}, True),
    ],
)
def test_the_latest_word_of_topic_and_channel_decides(consent: Mapping[str, tuple[bool, int]], granted: bool) -> None:
    """At one and the same moment the refusal does."""
    said = permission(profile(consent=consent), Channel.EMAIL, "news", Deployment())
    assert (said.granted, said.stated) == (granted, True)
    assert said.reason.endswith("by web")


def test_words_about_others_say_nothing() -> None:
    """Another channel's or topic's consent is not this one's."""
    ann = profile(consent={"sms/news": (False, 1), "email/offers": (False, 1)})
    assert permission(ann, Channel.EMAIL, "news", Deployment()).granted


@pytest.mark.parametrize(("topic", "granted"), [("in", False), ("out", True), ("unheard-of", True)])
def test_silence_means_what_the_topic_says(topic: str, granted: bool) -> None:
    """Opt-in topics need a word; a topic nobody configured is opt-out."""
    deployment = Deployment(topics={"in": Topic.OPT_IN, "out": Topic.OPT_OUT})
    said = permission(profile(), Channel.EMAIL, topic, deployment)
    assert (said.granted, said.stated) == (granted, False)
