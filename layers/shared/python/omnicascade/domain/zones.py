"""Which clock a customer lives by: the zones of the tz database, and how the right one is found.

Exists because quiet hours, local waits and conditions on the time of day must never disagree about it, and because
zones and phone numbers are loaded only by who asks (`zoneinfo` and `phonenumbers` are not imported before).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from omnicascade.domain.country_zones import zone_of_country

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from omnicascade.domain.deployment import Deployment
    from omnicascade.domain.profile import Profile


@lru_cache(maxsize=512)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None: one customer's unreadable zone must not stop anybody else."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only who asks for a local time should pay for it

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
    for country_of, origin in ((_phone_country, "their phone's country"), (_address_country, "their country")):
        country = country_of(profile)
        zone = zone_named(zone_of_country(country) or "") if country else None
        if zone:
            return zone, origin
    return None


def zone_for(word: str, profile: Profile | None, deployment: Deployment) -> tuple[ZoneInfo, str] | None:
    """The zone that `recipient`, `recipient-only` or an IANA name means for a customer, and how it is known.

    None only for `recipient-only` where the customer's own zone is not known.
    """
    if word not in {"recipient", "recipient-only"}:
        return _or_utc(word), "the journey's zone"
    own = recipient_zone(profile) if profile else None
    if own or word == "recipient-only":
        return own
    return _or_utc(deployment.default_zone), "the deployment's default zone"


def within_hours(start: int, end: int, days: Collection[int], local: datetime) -> bool:
    """Whether a local time lies in a window of the day, both minutes inclusive, that begins on one of some weekdays.

    Args:
        start, end: minutes after midnight; `end < start` passes midnight.
        days: Python's weekdays (Monday is 0) on which the window begins.
        local: a time on the clock that counts.
    """
    minute, today = local.hour * 60 + local.minute, local.weekday()
    if start <= end:
        return today in days and start <= minute <= end
    return (today in days and minute >= start) or ((today - 1) % 7 in days and minute <= end)


def _or_utc(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only who asks for a local time should pay for it

    return zone_named(name) or ZoneInfo("UTC")


def _phone_country(profile: Profile) -> str | None:
    phone = next((known.identifier.value for known in profile.identifiers if known.identifier.type == "phone"), None)
    if phone is None:
        return None
    import phonenumbers  # noqa: PLC0415 - 25 ms that only local times of customers without a zone should pay for

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None


def _address_country(profile: Profile) -> str | None:
    address = profile.traits.get("address")
    country = cast("Mapping[str, object]", address).get("country") if isinstance(address, Mapping) else None
    return country if isinstance(country, str) else None
