"""One reading of botocore's errors for everything that sends messages: was it sent, surely not, or who knows?

The question a sender must answer is not "did the call fail" but "may the customer have got it". Whatever is not known
to be refused or never to have left counts as unknown; the lists below are what is known.
"""

from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
)

from omnicascade.domain.errors import (
    ChannelUnavailableError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)

_NEVER_LEFT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
"""No connection was made, so no request was sent."""

_REFUSED_FOR_NOW: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "KMSThrottling",
        "LimitExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeTooSkewed",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Turned away at the door, before any work. Source: botocore's `retries.standard.ThrottledRetryableChecker`, the
services' own models, and AWS's "Common error types" (ServiceUnavailable: "temporary failure of the server", 503)."""

AMBIGUOUS_STATUS: Final = 500
"""From here on an answer tells of a failure inside the service, which may have come after the message was handed on."""


def send_error(error: ClientError | BotoCoreError, what: str) -> SendError:
    """The error of the tree that a failed send amounts to, save for addresses: each provider has its own words for
    those.

    Args:
        error: what botocore raised for a call that was attempted once.
        what: the call, for the message, for example `SES SendEmail`.
    """
    if isinstance(error, _NEVER_LEFT):
        return RetryableSendError(f"{what}: no connection, nothing was sent")
    if isinstance(error, HTTPClientError):
        return UnknownOutcomeError(f"{what}: the connection broke before an answer came ({type(error).__name__})")
    if not isinstance(error, ClientError):
        return ChannelUnavailableError(f"{what}: the call could not be made: {error}")
    if code_of(error) in _REFUSED_FOR_NOW:
        return RetryableSendError(f"{what}: {code_of(error)}: {message_of(error)}")
    if _status_of(error) >= AMBIGUOUS_STATUS:
        return UnknownOutcomeError(f"{what}: {code_of(error)}: {message_of(error)}")
    return ChannelUnavailableError(f"{what}: {code_of(error)}: {message_of(error)}")


def code_of(error: ClientError) -> str:
    """The service's error code, for example `MessageRejected`."""
    return str(_error(error).get("Code", ""))


def message_of(error: ClientError) -> str:
    """The service's own words."""
    return str(_error(error).get("Message", ""))


def _error(error: ClientError) -> Any:
    return error.response.get("Error", {})


def _status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", AMBIGUOUS_STATUS))
