"""DynamoDB requests as they are, without botocore's walk through every attribute value.

The stores build requests in DynamoDB's wire notation, which is what botocore would turn them into: it walks each
request by the service's model and copies every value, which for a batch of 25 writes costs more than all else in the
client. Two of botocore's documented events let the body be written at once instead. Requests are still signed, sent,
retried and answered by botocore.

Source: boto3 guide, "Extensibility guide" (`before-parameter-build`, `before-call`, and the context they share).
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_BODY: Final = "omnicascade_body"
_WAYS: Final = "omnicascade-wire-form"


def send_as_built(client: DynamoDBClient) -> None:
    """Let a client send the parameters of every call as JSON just as they are; asking again changes nothing.

    The client's `parameter_validation` must be off, and the caller must give parameters as the service takes them: no
    `datetime`, and no table by its ARN; `bytes` go as base64, as the protocol wants them.
    """
    events: Any = client.meta.events
    # Last of all: botocore's own handlers still add to the parameters, such as a transaction's token.
    events.register_last("before-parameter-build", _keep_body, unique_id=f"{_WAYS}-keep")
    events.register("before-call", _put_body, unique_id=f"{_WAYS}-put")


def _keep_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_BODY] = json.dumps(params, separators=(",", ":"), default=_base64).encode()
    tables = params.get("RequestItems", ())
    params.clear()  # nothing is left to walk through
    if tables:  # which tables a batch of reads names may decide where it is sent
        params["RequestItems"] = {table: {} for table in tables}


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"a request cannot carry a {type(value).__name__}")


def _put_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    params["body"] = context.pop(_BODY)
