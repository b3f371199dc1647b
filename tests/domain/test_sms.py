"""Parts and prices of text messages."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.deployment import DEFAULT_PRICES, Price
from omnicascade.domain.sms import Encoding, SmsParts, parts, price_of_sms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SmsParts(Encoding.GSM_7, 0, 1)),
        ("a" * 160, SmsParts(Encoding.GSM_7, 160, 1)),
        ("a" * 161, SmsParts(Encoding.GSM_7, 161, 2)),
        ("a" * 306, SmsParts(Encoding.GSM_7, 306, 2)),
        ("a" * 307, SmsParts(Encoding.GSM_7, 307, 3)),
        ("€" * 80, SmsParts(Encoding.GSM_7, 160, 1)),
        ("€" * 81, SmsParts(Encoding.GSM_7, 162, 2)),
        ("ż" * 70, SmsParts(Encoding.UCS_2, 70, 1)),
        ("ż" * 71, SmsParts(Encoding.UCS_2, 71, 2)),
        ("Ж" * 134, SmsParts(Encoding.UCS_2, 134, 2)),
        ("Ж" * 135, SmsParts(Encoding.UCS_2, 135, 3)),
        ("😀" * 35, SmsParts(Encoding.UCS_2, 70, 1)),
        ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤ÄÖÑÜ§¿äöñüà¡\r\n", SmsParts(Encoding.GSM_7, 44, 1)),
        ("ç", SmsParts(Encoding.UCS_2, 1, 1)),
        ("`", SmsParts(Encoding.UCS_2, 1, 1)),
    ],
)
def test_parts_of_known_texts(text: str, expected: SmsParts) -> None:
    """The limits of GSM-7 and UCS-2 hold on both sides of every boundary."""
    assert parts(text) == expected


@pytest.mark.parametrize(("cut", "count"), [("a" * 152 + "€" + "a" * 152, 3), ("ж" * 66 + "😀" + "ж" * 66, 3)])
def test_no_character_is_cut_in_halves(cut: str, count: int) -> None:
    """A two-unit character at the edge of a part moves to the next one, and that can cost a part."""
    assert parts(cut).parts == count


@given(st.text(max_size=400), st.text(max_size=50))
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    """Appending to a text never lowers the number of parts."""
    assert parts(text + more).parts >= parts(text).parts


def test_the_price_is_that_of_the_numbers_country_times_the_parts() -> None:
    """A Polish number pays the Polish price for each part."""
    prices = {"sms.PL": Price(Decimal("0.03"), "EUR"), "sms": Price(Decimal("0.05"))}
    assert price_of_sms("a" * 161, "+48601234567", prices) == Price(Decimal("0.06"), "EUR")


@pytest.mark.parametrize("number", ["+420601234567", "+10000000000", "no number"])
def test_an_unlisted_country_pays_the_general_price(number: str) -> None:
    """A country without a price of its own, and a number without a country, pay what `sms` says."""
    assert price_of_sms("hi", number, {"sms": Price(Decimal("0.5"))}) == Price(Decimal("0.5"))


def test_a_deployment_that_forgot_sms_still_has_a_price() -> None:
    """No price at all falls back on the default, so that money is never counted as nothing."""
    assert price_of_sms("hi", "+420601234567", {}) == DEFAULT_PRICES["sms"]


def test_canada_is_not_the_united_states() -> None:
    """Countries that share a calling code are told apart by their area codes."""
    prices = {"sms.US": Price(Decimal(1)), "sms.CA": Price(Decimal(2)), "sms": Price(Decimal(3))}
    assert price_of_sms("hi", "+12125550123", prices).amount == 1
    assert price_of_sms("hi", "+14165550123", prices).amount == 2
