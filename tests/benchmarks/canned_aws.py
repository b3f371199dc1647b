"""AWS answered inside the process, so that only the client's CPU counts.

botocore's own `before-send` event lets a handler answer in place of the network. Requests are still built, validated
(where the client does), signed and serialised, and answers are parsed and checked, all by botocore. What no stub pays
is the socket: the same for both sides of every ratio.
"""

import json
import re
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

type Item = dict[str, dict[str, Any]]


class _Body:
    """The part of a urllib3 response that botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """The content, at once."""
        yield self._content


def answered(content: bytes) -> AWSResponse:
    """A 200 answer with the headers that DynamoDB sends, its checksum among them."""
    headers: Any = {
        "content-type": "application/x-amz-json-1.0",
        "content-length": str(len(content)),
        "date": "Sat, 21 Nov 2026 12:00:00 GMT",
        "x-amzn-requestid": "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG",
        "x-amz-crc32": str(zlib.crc32(content)),
    }
    return AWSResponse("https://aws.test/", 200, headers, cast("Any", _Body(content)))


def canned(request: AWSPreparedRequest, **_: object) -> AWSResponse:
    """Every write succeeds: `{}`, which is what DynamoDB answers a put or an update."""
    del request
    return answered(b"{}")


_FIXED: Final[Mapping[str, bytes]] = {
    "SendMessageBatch": b'{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"0"}],"Failed":[]}',
    "StartExecution": b'{"executionArn":"arn:aws:states:eu-central-1:000000000000:execution:bench:r","startDate":1.0}',
    "SendEmail": b'{"MessageId":"0100000000000000-bench"}',
    "GetSecretValue": b'{"SecretString":"a-signing-secret-of-the-benchmark"}',
}


@cache
def _names(statement: str) -> Sequence[str]:
    """The attributes that a statement's question marks stand for; of one named twice the latter condition is `was`."""
    names = re.findall(r"""['"](\w+)['"][:=]\?""", statement)
    return [name if name not in names[:place] else f"was {name}" for place, name in enumerate(names)]


@cache
def _fixed(statement: str) -> Item:
    """The attributes whose values are part of the statement."""
    return {name: {"S": value} for name, value in re.findall(r"""['"](\w+)['"][:=]'([^']*)'""", statement)}


class CannedTable:
    """One table in memory, and fixed answers for the other services.

    Conditions always hold: the benchmarks that use it never repeat a write. `cpu_s` is what answering took, so that it
    can be taken off again.
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._partitions: defaultdict[str, dict[str, Item]] = defaultdict(dict)
        for item in items:
            self._put(item)
        self.calls: Counter[str] = Counter()
        self.cpu_s = 0.0

    @property
    def items(self) -> list[Item]:
        """Everything in the table."""
        return [item for partition in self._partitions.values() for item in partition.values()]

    def answer(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Handle one request; registered for `before-send`."""
        started = time.process_time()
        operation = event_name.rpartition(".")[2]
        self.calls[operation] += 1
        content = _FIXED.get(operation)
        if content is None:
            asked: dict[str, Any] = json.loads(cast("bytes", request.body) or b"{}")
            content = json.dumps(self._do(operation, asked)).encode()
        answer = answered(content)
        self.cpu_s += time.process_time() - started
        return answer

    def _do(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "PutItem":
                self._put(asked["Item"])
            case "TransactWriteItems":
                for action in asked["TransactItems"]:
                    self._put(action["Put"]["Item"])
            case "GetItem":
                found = self._partitions[asked["Key"]["pk"]["S"]].get(asked["Key"]["sk"]["S"])
                return {"Item": found} if found else {}
            case "Query":
                return {"Items": [] if "IndexName" in asked else self._range(asked["ExpressionAttributeValues"])}
            case "BatchGetItem":
                return {
                    "Responses": {name: self._found(wanted["Keys"]) for name, wanted in asked["RequestItems"].items()}
                }
            case "BatchExecuteStatement":
                return {
                    "Responses": [self._execute(one["Statement"], one["Parameters"]) for one in asked["Statements"]]
                }
            case _:
                pass
        return {}

    def _found(self, wanted: Iterable[Item]) -> list[Item]:
        found = (self._partitions[key["pk"]["S"]].get(key["sk"]["S"]) for key in wanted)
        return [item for item in found if item]

    def _execute(self, statement: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        item = dict(_fixed(statement)) | dict(zip(_names(statement), parameters, strict=True))
        held = self._partitions[item["pk"]["S"]].get(item["sk"]["S"], {})
        self._put(held | {name: value for name, value in item.items() if not name.startswith("was ")})
        return {"TableName": "bench"}

    def _put(self, item: Item) -> None:
        self._partitions[item["pk"]["S"]][item["sk"]["S"]] = item

    def _range(self, values: dict[str, Any]) -> list[Item]:
        prefix = values[":prefix"]["S"]
        partition = self._partitions[values[":pk"]["S"]]
        return [item for sk, item in sorted(partition.items()) if sk.startswith(prefix)]
