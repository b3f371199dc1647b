"""Real botocore clients whose answers are canned on the wire: serialisation, signing and parsing are the real ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from urllib3 import HTTPResponse

ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=2)

SESSION = botocore.session.Session()
SESSION.set_credentials("AKIATEST", "secret")


@dataclass(slots=True)
class Wire:
    """What one client sends, and what it is told: `answers` in order; an exception is raised as HTTP would."""

    client: Any
    answers: list[AWSResponse | Exception] = field(default_factory=list[AWSResponse | Exception])
    requests: list[AWSPreparedRequest] = field(default_factory=list[AWSPreparedRequest])

    def answer(self, status: int, body: str, **headers: str) -> None:
        """Queue an answer."""
        raw: Any = HTTPResponse(body=BytesIO(body.encode()), preload_content=False)
        told = cast("Any", {"x-amzn-requestid": "r", **headers})
        self.answers.append(AWSResponse("https://aws.test/", status, told, raw))

    def json(self, status: int, body: object, error: str = "") -> None:
        """Queue a JSON answer; `error` names the error type as rest-json services do."""
        headers = {"x-amzn-errortype": error} if error else {}
        self.answer(status, json.dumps(body), **headers)

    def fail(self, error: Exception) -> None:
        """Queue a failure of the connection."""
        self.answers.append(error)

    def body(self) -> Any:
        """The last request's JSON body."""
        return json.loads(cast("bytes", self.requests[-1].body))

    def _on_send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def wire(service: str) -> Wire:
    """A client of a service with canned answers; nothing leaves the process."""
    client = SESSION.create_client(service, region_name="us-east-1", config=ONE_ATTEMPT)
    made = Wire(client)
    handler = cast("Callable[..., None]", made._on_send)
    client.meta.events.register_first("before-send.*", handler)
    return made
