"""Late runs, found in the index of live runs: the due moments stand there, so the runs themselves are not read."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters import keys
from omnicascade.contracts import LIVE_DUE, LIVE_INDEX
from omnicascade.domain.errors import UnavailableError
from omnicascade.usecases.store_ports import LivePage

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

PAGE: Final = 2_500
"""Live runs looked at in one request: some 500 KB of the index, half of what DynamoDB gives at once."""


class DynamoLateRuns:
    """`LateRuns` by a walk through the index. Cost: one request and some 60 read units for 2,500 live runs."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def late(self, before: datetime, cursor: str | None) -> LivePage:
        """See `LateRuns.late`."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": LIVE_INDEX,
            "Limit": PAGE,
            "FilterExpression": "#due < :before",
            "ExpressionAttributeNames": {"#due": LIVE_DUE},
            "ExpressionAttributeValues": {":before": {"N": str(int(before.timestamp()))}},
        }
        if cursor:
            request["ExclusiveStartKey"] = json.loads(base64.urlsafe_b64decode(cursor))
        try:
            answer: Any = self._client.scan(**request)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the live runs cannot be listed: {error}") from error
        found = [item["sk"]["S"].removeprefix(keys.LIVE_RUN_PREFIX) for item in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return LivePage(found, base64.urlsafe_b64encode(json.dumps(last).encode()).decode() if last else None)
