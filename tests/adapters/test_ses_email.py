"""What goes to SES."""

import pytest

from omnicascade.adapters.ses_email import SesEmailSender
from omnicascade.domain.errors import ChannelUnavailableError, PermanentAddressError
from omnicascade.domain.links import one_click_headers
from omnicascade.usecases.ports import EmailMessage
from tests.fakes.aws_wire import wire

TAGS = {"message": "run-1-2", "journey": "cart", "step": "krok żółty", "run": ""}
MESSAGE = EmailMessage("ann@example.com", "Zażółć", "<p>ż</p>", "ż", TAGS, one_click_headers("https://x.example/u/t"))


def test_the_request_has_both_bodies_tags_and_headers() -> None:
    """Everything the reader, the mailbox provider and our feedback need is in the one request, in UTF-8."""
    ses = wire("sesv2")
    ses.json(200, {"MessageId": "ses-1"})
    SesEmailSender(ses.client, "Sklep Żółw <shop@example.com>", "feedback").send(MESSAGE)
    body = ses.body()
    simple = body["Content"]["Simple"]
    assert body["FromEmailAddress"] == "=?utf-8?b?U2tsZXAgxbvDs8WCdw==?= <shop@example.com>"
    assert body["Destination"] == {"ToAddresses": ["ann@example.com"]}
    assert body["ConfigurationSetName"] == "feedback"
    assert simple["Subject"] == {"Data": "Zażółć", "Charset": "UTF-8"}
    assert simple["Body"] == {
        "Text": {"Data": "ż", "Charset": "UTF-8"},
        "Html": {"Data": "<p>ż</p>", "Charset": "UTF-8"},
    }
    assert simple["Headers"] == [
        {"Name": "List-Unsubscribe", "Value": "<https://x.example/u/t>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]
    assert body["EmailTags"] == [
        {"Name": "message", "Value": "run-1-2"},
        {"Name": "journey", "Value": "cart"},
        {"Name": "step", "Value": "krok____ty"},
    ]


def test_without_a_configuration_set_none_is_named() -> None:
    """An empty setting is left out, because SES refuses an empty name."""
    ses = wire("sesv2")
    ses.json(200, {"MessageId": "ses-1"})
    SesEmailSender(ses.client, "shop@example.com").send(MESSAGE)
    assert "ConfigurationSetName" not in ses.body()
    assert ses.body()["FromEmailAddress"] == "shop@example.com"


@pytest.mark.parametrize(
    "words",
    [
        "Missing final '@domain'",
        "Local address contains control or whitespace",
        "Domain contains illegal character",
        "Address blacklisted.",
    ],
)
def test_unusable_addresses_are_permanent(words: str) -> None:
    """SES's words for a malformed address condemn the address."""
    ses = wire("sesv2")
    ses.json(400, {"message": words}, "BadRequestException")
    with pytest.raises(PermanentAddressError):
        SesEmailSender(ses.client, "shop@example.com").send(MESSAGE)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (
            400,
            "MessageRejected",
            "Email address is not verified. These identities failed: ann@example.com",
        ),
        (400, "SendingPausedException", "Sending is paused"),
        (400, "AccountSuspendedException", "suspended"),
        (400, "MailFromDomainNotVerifiedException", "not verified"),
        (404, "NotFoundException", "Configuration set <x> does not exist."),
        (400, "BadRequestException", "Invalid header"),
    ],
)
def test_our_own_faults_never_cost_an_address(status: int, code: str, words: str) -> None:
    """Sandbox, pause, missing configuration and refused content are the channel's trouble, not the customer's."""
    ses = wire("sesv2")
    ses.json(status, {"message": words}, code)
    with pytest.raises(ChannelUnavailableError):
        SesEmailSender(ses.client, "shop@example.com").send(MESSAGE)
