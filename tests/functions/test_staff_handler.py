"""The staff API's handler: what the gateway brings becomes a call, and an answer becomes a response."""

import importlib
import json
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from omnicascade.domain.errors import PreconditionFailedError, Problem, UnacceptableError, UnavailableError
from omnicascade.settings import Settings
from omnicascade.usecases.staff_calls import Answer, StaffRequest
from omnicascade.wiring import staff

HANDLER = "functions.serve_staff_api.handler"
IAM = {"iam": {"userArn": "arn:aws:sts::1:assumed-role/Staff/eve"}}


@dataclass
class Desk:
    """Answers what it is told to, and remembers what it was asked."""

    answers: Answer | Exception = field(default_factory=lambda: Answer(200, {}))
    asked: list[StaffRequest] = field(default_factory=list[StaffRequest])

    def answer(self, request: StaffRequest) -> Answer:
        """See `StaffDesk.answer`."""
        self.asked.append(request)
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk that the handler finds when it is loaded."""
    made = Desk()

    def staff_desk(_settings: Settings) -> Desk:
        return made

    monkeypatch.setattr(staff, "staff_desk", staff_desk)
    yield made
    sys.modules.pop(HANDLER, None)


def call(desk: Desk, **more: Any) -> dict[str, Any]:
    """The handler's response to a request as API Gateway brings it (payload format 2.0)."""
    module: ModuleType = importlib.reload(importlib.import_module(HANDLER))
    assert module.desk is desk
    event: Mapping[str, Any] = {"routeKey": "GET /v1/profiles/{id}", "pathParameters": {"id": "user_id:1"}, **more}
    return module.handler(event, None)


def test_a_call_brings_all_that_the_gateway_tells(desk: Desk) -> None:
    """Route, path, headers, each query parameter apart, the body in whatever form, and who calls."""
    call(
        desk,
        queryStringParameters={"email": "a@b.pl,c@d.pl"},
        rawQueryString="email=a%40b.pl&email=c%40d.pl&empty=",
        headers={"if-match": '"tag"'},
        body=b64encode('{"ż": 1}'.encode()).decode(),
        isBase64Encoded=True,
        requestContext={"authorizer": IAM},
    )
    (request,) = desk.asked
    assert request.route == "GET /v1/profiles/{id}"
    assert request.path == {"id": "user_id:1"}
    assert request.query == {"email": "a@b.pl,c@d.pl"}
    assert request.asked == [("email", "a@b.pl"), ("email", "c@d.pl"), ("empty", "")]
    assert request.headers == {"if-match": '"tag"'}
    assert request.body == '{"ż": 1}'
    assert request.caller == "arn:aws:sts::1:assumed-role/Staff/eve"


@pytest.mark.parametrize(
    ("context", "caller"),
    [
        ({"authorizer": {"jwt": {"claims": {"sub": "7", "email": "eve@shop.example"}}}}, "eve@shop.example"),
        ({"authorizer": {"jwt": {"claims": {"sub": "7"}}}}, "7"),
        ({"authorizer": {"jwt": {"claims": None}, "iam": None}}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_who_calls_is_as_the_gateway_knows_them(desk: Desk, context: object, caller: str) -> None:
    """A token's address or subject; nobody's name where the gateway does not say."""
    call(desk, requestContext=context)
    assert desk.asked[0].caller == caller


def test_an_answer_carries_its_headers_and_may_have_no_body(desk: Desk) -> None:
    """An entity tag goes out, also with a 304, which has no body and no type of one."""
    desk.answers = Answer(200, {"name": "Łódź"}, {"etag": '"t"'})
    response = call(desk)
    assert response["statusCode"] == 200
    assert response["headers"] == {
        "content-type": "application/json", "cache-control": "no-store", "etag": '"t"'
    }  # fmt: skip
    assert json.loads(response["body"]) == {"name": "Łódź"}
    desk.answers = Answer(304, None, {"etag": '"t"'})
    assert call(desk) == {"statusCode": 304, "headers": {"cache-control": "no-store", "etag": '"t"'}}


def test_errors_have_a_code_a_message_and_paths(desk: Desk) -> None:
    """A refusal is told with its status; a service that failed asks for another try."""
    desk.answers = UnacceptableError("no", problems=[Problem("identifiers[1]", "not_a_member", "another's")])
    response = call(desk)
    assert response["statusCode"] == 422
    assert json.loads(response["body"]) == {
        "code": "unacceptable",
        "message": "no",
        "errors": [{"path": "identifiers[1]", "code": "not_a_member", "message": "another's"}],
    }
    desk.answers = PreconditionFailedError("changed", path="If-Match")
    response = call(desk)
    assert (response["statusCode"], json.loads(response["body"])["path"]) == (412, "If-Match")
    desk.answers = UnavailableError("throttled")
    response = call(desk)
    assert (response["statusCode"], response["headers"]["retry-after"]) == (503, "2")
