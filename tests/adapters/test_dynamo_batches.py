"""A batch of PartiQL writes, some of which fail: all are tried, and what is told decides what the caller does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from omnicascade.adapters.dynamo import Statement, Table, insert_statement
from omnicascade.domain.errors import OmnicascadeError, UnavailableError
from tests.benchmarks.canned_aws import answered


class Answers:
    """A DynamoDB that answers batches as it is told, one after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        """Args: the codes of each answer's statements; empty for one that was done."""
        self._answers = list(answers)
        self.asked: list[int] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body: Any = request.body
        self.asked.append(len(json.loads(body)["Statements"]))
        codes = self._answers.pop(0)
        told = [{"Error": {"Code": code, "Message": "m"}} if code else {"TableName": "t"} for code in codes]
        return answered(json.dumps({"Responses": told}).encode())

    def table(self) -> Table:
        """A table behind it."""
        session = botocore.session.Session()
        session.set_credentials("AKIATEST", "secret")
        client: Any = session.create_client("dynamodb", region_name="eu-central-1")
        client.meta.events.register_first("before-send", self)
        return Table(client, "t")


def writes(count: int) -> list[Statement]:
    """So many inserts."""
    return [(insert_statement("t", "pk", sk="H"), [{"S": str(number)}]) for number in range(count)]


def test_one_text_inserts_every_item_of_a_kind() -> None:
    """Values are parameters, but for those that are the same in all."""
    assert insert_statement("t", "pk", "at", sk="H#P") == """INSERT INTO "t" VALUE {'pk':?,'at':?,'sk':'H#P'}"""


def test_statements_go_25_at_a_time() -> None:
    """Each is told as done or as refused by its condition, in order; none is no request."""
    answers = Answers([""] * 25, ["DuplicateItem", "", "ConditionalCheckFailed"])
    assert answers.table().execute_all(writes(28)) == [True] * 25 + [False, True, False]
    assert answers.asked == [25, 3]
    assert Answers().table().execute_all([]) == []


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("ThrottlingError", True),
        ("ProvisionedThroughputExceeded", True),
        ("RequestLimitExceeded", True),
        ("InternalServerError", True),
        ("TransactionConflict", True),
        ("ValidationError", False),
        ("AccessDenied", False),
        ("ItemCollectionSizeLimitExceeded", False),
    ],
)
def test_a_failed_statement_fails_the_whole_after_all_were_tried(code: str, retryable: bool) -> None:
    """A throttled one may be tried again; one that can never be carried out is told as such."""
    answers = Answers(["", code, *[""] * 23], [""])
    with pytest.raises(OmnicascadeError, match=code) as caught:
        answers.table().execute_all(writes(26))
    assert isinstance(caught.value, UnavailableError) == retryable
    assert answers.asked == [25, 1]
