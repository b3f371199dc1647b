"""AWS clients, made once per process.

Made from botocore's session rather than boto3's: the same clients, less to import on a cold start. Parameter validation
is off because it costs more CPU than the request itself, and every request is built by an adapter with its own tests.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from omnicascade.adapters.wire_form import send_as_built

_SESSION = botocore.session.get_session()
_USER_AGENT = "omnicascade"
"""Said in every request; what botocore says otherwise is put together anew for each, a tenth of a request's CPU."""

_CONFIG = Config(
    parameter_validation=False, user_agent=_USER_AGENT, retries={"mode": "standard", "total_max_attempts": 4}
)
_ONE_ATTEMPT = Config(
    parameter_validation=False,
    user_agent=_USER_AGENT,
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 1},
)
"""For calls that must not be repeated without a decision of ours: what was ambiguous stays recorded as unknown."""


@cache
def client(service: str) -> Any:
    """The client of an AWS service, for example `client("dynamodb")`."""
    made: Any = _SESSION.create_client(service, config=_CONFIG)
    if service == "dynamodb":
        send_as_built(made)
    return made


@cache
def one_attempt_client(service: str) -> Any:
    """A client that never retries by itself, for message providers."""
    return _SESSION.create_client(service, config=_ONE_ATTEMPT)


class LateClient:
    """A client that is made at its first call, for services that many invocations never speak to.

    Each client costs a cold start the reading of its service's model, more for SES than for all of our own modules.
    What every invocation needs is better made at once: Lambda lends a cold start more CPU than an invocation has.
    """

    def __init__(self, make: Callable[[str], Any], service: str) -> None:
        """Args: make is `client` or `one_attempt_client`."""
        self._make = make
        self._service = service

    def __getattr__(self, operation: str) -> Any:
        """The operation of the client, which is kept by `make`."""
        return getattr(self._make(self._service), operation)


def late_client(service: str) -> Any:
    """`client(service)`, made when it is first called."""
    return LateClient(client, service)


def late_one_attempt_client(service: str) -> Any:
    """`one_attempt_client(service)`, made when it is first called."""
    return LateClient(one_attempt_client, service)
