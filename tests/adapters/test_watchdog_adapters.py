"""The watchdog's ways to AWS, against the embedded services: what they ask, and what refusals mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from omnicascade.adapters import keys
from omnicascade.adapters.late_runs import PAGE, DynamoLateRuns
from omnicascade.adapters.run_executions import StepFunctionsExecutions
from omnicascade.domain.errors import UnavailableError

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Service:
    """A client whose every operation answers the same, or fails."""

    def __init__(self, answer: Any = None, code: str = "") -> None:
        self.requests: list[dict[str, Any]] = []
        self._answer = answer
        self._code = code

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.requests.append({"operation": operation, **request})
            if self._code == "down":
                raise EndpointConnectionError(endpoint_url="https://states")
            if self._code:
                raise ClientError({"Error": {"Code": self._code, "Message": ""}}, operation)
            return self._answer

        return call


def _executions(service: Any) -> StepFunctionsExecutions:
    return StepFunctionsExecutions(service, MACHINE)


def _late(service: Any) -> DynamoLateRuns:
    return DynamoLateRuns(service, "customers")


def test_late_runs_are_told_by_the_index_alone() -> None:
    """One scan of the index, filtered by the due moment; the ids come out of the sort keys."""
    _, sort_key = keys.run_key(f"welcome_{'a' * 26}_000000000001", live=True)
    service = Service({"Items": [{"sk": {"S": sort_key}}]})
    page = _late(service).late(NOON, None)
    assert (page.run_ids, page.cursor) == ([f"welcome_{'a' * 26}_000000000001"], None)
    (request,) = service.requests
    assert (request["operation"], request["IndexName"], request["Limit"]) == ("scan", "live", PAGE)
    assert request["FilterExpression"] == "#due < :before"
    assert request["ExpressionAttributeValues"] == {":before": {"N": "1773144000"}}


def test_a_cursor_goes_on_where_the_page_ended() -> None:
    """It is text, because it travels in an event; it holds the index's own key."""
    last = {"pk": {"S": "n"}, "sk": {"S": "x"}, "lp": {"S": "3"}, "lk": {"S": "welcome#x"}}
    service = Service({"Items": [], "LastEvaluatedKey": last})
    cursor = _late(service).late(NOON, None).cursor
    assert isinstance(cursor, str)
    _late(service).late(NOON, cursor)
    assert service.requests[1]["ExclusiveStartKey"] == last


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "down"])
def test_a_list_that_cannot_be_read_is_unavailable(code: str) -> None:
    """The next hour looks again."""
    with pytest.raises(UnavailableError):
        _late(Service(code=code)).late(NOON, None)


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_nobody_waits_for_a_token_of_the_past(code: str) -> None:
    """Each way of Step Functions to say so is an answer, not an error."""
    assert _executions(Service(code=code)).wake("token", [60]) is False


def test_who_waits_is_woken_with_the_waits() -> None:
    """The task's result begins the waits anew."""
    service = Service({})
    assert _executions(service).wake("token", [60, 5]) is True
    assert service.requests == [
        {"operation": "send_task_success", "taskToken": "token", "output": '{"step": 0, "waits": [60, 5]}'}
    ]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (Service({"status": "RUNNING"}), True),
        (Service({"status": "FAILED"}), False),
        (Service(code="ExecutionDoesNotExist"), False),
    ],
)
def test_an_execution_is_under_way_only_while_it_runs(service: Service, expected: bool) -> None:
    """One that failed, or that nobody knows, is not."""
    assert _executions(service).under_way("spring") is expected
    arn = "arn:aws:states:us-east-1:123456789012:execution:m:spring"
    assert service.requests == [{"operation": "describe_execution", "executionArn": arn}]


@pytest.mark.parametrize("code", ["ThrottlingException", "down"])
def test_other_failures_are_unavailable(code: str) -> None:
    """Neither yes nor no: whoever asked must not decide on it."""
    with pytest.raises(UnavailableError):
        _executions(Service(code=code)).wake("token", [1])
    with pytest.raises(UnavailableError):
        _executions(Service(code=code)).under_way("spring")
