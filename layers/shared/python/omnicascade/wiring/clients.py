"""AWS clients, made once per process.

Made from botocore's session rather than boto3's: the same clients, less to import on a cold start. Parameter validation
is off because it costs more CPU than the request itself, and every request is built by an adapter with its own tests.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

_SESSION = botocore.session.get_session()
_CONFIG = Config(parameter_validation=False, retries={"mode": "standard", "total_max_attempts": 4})
_ONE_ATTEMPT = Config(
    parameter_validation=False,
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 1},
)
"""For calls that must not be repeated without a decision of ours: what was ambiguous stays recorded as unknown."""


@cache
def client(service: str) -> Any:
    """The client of an AWS service, for example `client("dynamodb")`."""
    return _SESSION.create_client(service, config=_CONFIG)


@cache
def one_attempt_client(service: str) -> Any:
    """A client that never retries by itself, for message providers."""
    return _SESSION.create_client(service, config=_ONE_ATTEMPT)
