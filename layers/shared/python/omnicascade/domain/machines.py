"""Telling machines from people: mail gateways open and click everything, and must not stop a cascade.

The list names products that fetch links on their own. Generic HTTP libraries are not on it: a customer's app may well
use one.
"""

from typing import Final

_MARKS: Final = (
    "barracuda",
    "bingpreview",
    "crawler",
    "discordbot",
    "externalhit",
    "fortimail",
    "googlebot",
    "bingbot",
    "applebot",
    "headlesschrome",
    "linkedinbot",
    "messagelabs",
    "mimecast",
    "ms-office existence discovery",
    "proofpoint",
    "safelinks",
    "skypeuripreview",
    "slackbot",
    "spider",
    "symantec",
    "telegrambot",
    "trendmicro",
    "twitterbot",
    "urldefense",
    "whatsapp/",
    "yandexbot",
)
"""Parts of user agents, lower case: mail security gateways, link previews of messengers, crawlers."""


def is_machine(user_agent: str, purpose: str = "") -> bool:
    """Whether a request was made by a scanner, a preview or a prefetch rather than by a person.

    Args:
        user_agent: the User-Agent header; an empty one tells nothing and counts as a person.
        purpose: the Sec-Purpose, Purpose or X-Moz header, which names a prefetch (Fetch Standard, "Sec-Purpose").
    """
    lowered = user_agent.lower()
    return "prefetch" in purpose.lower() or "preview" in purpose.lower() or any(mark in lowered for mark in _MARKS)
