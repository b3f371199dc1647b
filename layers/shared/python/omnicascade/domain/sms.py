"""How many parts a text message is billed as, and so what it costs: known before it is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from omnicascade.domain.deployment import DEFAULT_PRICES, Price

MAX_CHARACTERS: Final = 1600
"""Longest text accepted in one send. Source: AWS End User Messaging SMS user guide, "SMS character limits"."""

_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet. Source: 3GPP TS 23.038 (GSM 03.38), 6.2.1."""

_GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
"""Characters written as an escape and a second septet. Source: 3GPP TS 23.038, 6.2.1.1."""


class Encoding(StrEnum):
    """How a text travels: one foreign character moves the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_CAPACITY: Final = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}
"""Units in a text of one part, and in each part of a longer one (a header takes the rest of its 140 bytes). Source: AWS
End User Messaging SMS user guide, "SMS character limits"; 3GPP TS 23.040, 9.2.3.24."""


@dataclass(frozen=True, slots=True)
class SmsParts:
    """What a text amounts to.

    Attributes:
        encoding: the alphabet the carrier will use.
        units: septets (GSM-7) or 16-bit units (UCS-2); characters of the extension table and emoji take two.
        parts: how many messages are billed; an empty text is one.
    """

    encoding: Encoding
    units: int
    parts: int


@lru_cache(maxsize=1024)
def parts(text: str) -> SmsParts:
    """Count the parts of a text. A character of two units is never cut in halves, which can cost one more part."""
    if all(character in _GSM_BASIC or character in _GSM_EXTENSION for character in text):
        encoding = Encoding.GSM_7
        sizes = [2 if character in _GSM_EXTENSION else 1 for character in text]
    else:
        encoding = Encoding.UCS_2
        sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
    alone, each = _CAPACITY[encoding]
    units = sum(sizes)
    return SmsParts(encoding, units, 1 if units <= alone else _packed(sizes, each))


def _packed(sizes: Iterable[int], capacity: int) -> int:
    count, used = 1, 0
    for size in sizes:
        if used + size > capacity:
            count, used = count + 1, 0
        used += size
    return count


def price_of_sms(text: str, to_e164: str, prices: Mapping[str, Price]) -> Price:
    """What a text to a number costs: its parts times the price of the number's country.

    Args:
        text: as it will be sent.
        to_e164: for example `+48601234567`.
        prices: by `sms.<ISO 3166 country>`, else `sms`; a mapping with neither falls back on `DEFAULT_PRICES`.
    """
    country = country_of(to_e164)
    price = prices.get(f"sms.{country}") or prices.get("sms") or DEFAULT_PRICES["sms"]
    return Price(price.amount * parts(text).parts, price.currency)


def country_of(to_e164: str) -> str | None:
    """The ISO 3166 country of a number such as `+48601234567`; None where it has none."""
    import phonenumbers  # noqa: PLC0415 - 25 ms that only runs with a paid message should pay for

    for digits in (1, 2, 3):  # most country codes are one country's, which needs no reading of the number
        code = to_e164[1 : 1 + digits]
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code.isdigit() else None
        if regions and len(regions) == 1:
            return regions[0]
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(to_e164))
    except phonenumbers.NumberParseException:
        return None
