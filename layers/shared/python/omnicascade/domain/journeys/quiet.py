"""Quiet hours: whether a message may go out now on the recipient's clock, and when it may.

Exists because the answer needs three things that nothing else needs: a zone, local time with its clock changes, and
windows that pass midnight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, cast
from zoneinfo import ZoneInfo

from omnicascade.domain.country_zones import zone_of_country
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys.journey import QuietHours
from omnicascade.domain.profile import Profile

_MINUTE: Final = timedelta(minutes=1)
_LONGEST_MINUTES: Final = 8 * 24 * 60
"""A quiet time that has not ended after a week and a day never ends."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """It is quiet now: until when (UTC; None: for ever), and the sentence that says so."""

    until: datetime | None
    reason: str


@lru_cache(maxsize=512)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None: one customer's unreadable zone must not stop anybody else."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def recipient_zone(profile: Profile) -> tuple[ZoneInfo, str] | None:
    """The customer's own zone and how it is known: trait `timezone`, else the phone's or the address's country."""
    stated = profile.traits.get("timezone")
    zone = zone_named(stated) if isinstance(stated, str) else None
    if zone:
        return zone, "their own zone"
    for country, origin in (
        (_phone_country(profile), "their phone's country"),
        (_address_country(profile), "their country"),
    ):
        zone = zone_named(zone_of_country(country) or "") if country else None
        if zone:
            return zone, origin
    return None


def quiet(hours: QuietHours, profile: Profile, deployment: Deployment, now: datetime) -> Quiet | None:
    """Whether these quiet hours hold a message back now; None when it may go out.

    With `recipient-only` nothing is held back where the recipient's zone is unknown. Source: Amazon Pinpoint API
    reference, QuietTime: without a valid time zone "the endpoint will receive messages even if quiet time is enabled".
    """
    found = _zone(hours, profile, deployment)
    if found is None or not _is_quiet(hours, now.astimezone(found[0])):
        return None
    zone, origin = found
    until = _end(hours, zone, now)
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start, hours.end))
    return Quiet(until, f"quiet hours {start} to {end} in {zone.key} ({origin})")


def _zone(hours: QuietHours, profile: Profile, deployment: Deployment) -> tuple[ZoneInfo, str] | None:
    if hours.zone not in {"recipient", "recipient-only"}:
        return zone_named(hours.zone) or ZoneInfo("UTC"), "the journey's zone"
    own = recipient_zone(profile)
    if own or hours.zone == "recipient-only":
        return own
    return zone_named(deployment.default_zone) or ZoneInfo("UTC"), "the deployment's default zone"


def _is_quiet(hours: QuietHours, local: datetime) -> bool:
    minute, today = local.hour * 60 + local.minute, local.weekday()
    if hours.start <= hours.end:
        return today in hours.days and hours.start <= minute <= hours.end
    yesterday = (today - 1) % 7
    return (today in hours.days and minute >= hours.start) or (yesterday in hours.days and minute <= hours.end)


def _end(hours: QuietHours, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The first whole minute that is not quiet. Walks real minutes, so that clock changes need no rule of their own."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(_LONGEST_MINUTES):
        minute += _MINUTE
        if not _is_quiet(hours, minute.astimezone(zone)):
            return minute
    return None


def _phone_country(profile: Profile) -> str | None:
    phone = next((known.identifier.value for known in profile.identifiers if known.identifier.type == "phone"), None)
    if phone is None:
        return None
    import phonenumbers  # noqa: PLC0415 - 25 ms that only quiet hours of customers without a zone should pay for

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None


def _address_country(profile: Profile) -> str | None:
    address = profile.traits.get("address")
    country = cast("Mapping[str, object]", address).get("country") if isinstance(address, Mapping) else None
    return country if isinstance(country, str) else None
