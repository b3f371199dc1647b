"""Functions run as if each had a process of its own."""

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from aws_lambda_powertools import Logger

import omnicascade.wiring.clock
from infra.local.deployment import TriggerError
from infra.local.gateway import Gateway
from infra.local.stack import Stack

if TYPE_CHECKING:
    from tests.local.conftest import Probe


def test_a_handler_has_its_own_environment_and_no_other(small: Callable[..., Stack], probe: "Probe") -> None:
    """It sees its own variables and Lambda's, nothing of this process; afterwards all is as before."""
    os.environ["OURS"] = "1"
    before = dict(os.environ)
    stack = small()
    probe.on["intake"] = lambda _event, _context: dict(os.environ)
    seen = stack.invoke("intake", {})
    assert seen["URL"] == "http://127.0.0.1:8787"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "small-intake"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["LAMBDA_TASK_ROOT"].endswith("asset.intake")
    assert "OURS" not in seen
    assert dict(os.environ) == before
    del os.environ["OURS"]


def test_every_function_has_its_own_modules_kept_warm(small: Callable[..., Stack], probe: "Probe") -> None:
    """What one function's modules cache, another never sees, this process neither; between calls it stays."""

    def remember(_event: Any, _context: Any) -> Any:
        clock = sys.modules["omnicascade.wiring.clock"]
        count: int = getattr(clock, "count", 0) + 1
        clock.count = count  # pyright: ignore[reportAttributeAccessIssue]
        return count

    stack = small()
    probe.on |= {"intake": remember, "worker": remember}
    assert [stack.invoke(name, {}) for name in ("intake", "intake", "worker", "intake")] == [1, 2, 1, 3]
    assert not hasattr(omnicascade.wiring.clock, "count")
    stack.reset()
    assert stack.invoke("intake", {}) == 1


def test_handlers_read_virtual_time(small: Callable[..., Stack], probe: "Probe") -> None:
    """Their clock is the stack's; this process's own is untouched."""
    stack = small()
    probe.on["intake"] = lambda _e, _c: sys.modules["omnicascade.wiring.clock"].now().isoformat()
    stack.advance("36h")
    assert stack.invoke("intake", {}) == "2026-03-12T00:00:00+00:00"
    assert omnicascade.wiring.clock.now().year != 2026 or omnicascade.wiring.clock.now() != stack.now()


def test_a_logger_made_before_the_stack_writes_to_the_functions_log(
    small: Callable[..., Stack], probe: "Probe", request: pytest.FixtureRequest
) -> None:
    """Loggers of one service share a handler, and with it the stdout of whoever made the first of them."""
    logger = Logger(service=request.node.name)
    probe.on["intake"] = lambda _event, _context: logger.info("hello")
    stack = small()
    stack.invoke("intake", {})
    (line,) = stack.logs("intake")["small-intake"]
    assert json.loads(line)["message"] == "hello"


def test_the_context_says_what_lambda_says(small: Callable[..., Stack], probe: "Probe") -> None:
    """Request id, name, ARN, memory and the time that is left."""
    stack = small()
    probe.on["intake"] = lambda _event, context: [
        context.function_name,
        context.invoked_function_arn,
        context.memory_limit_in_mb,
        len(context.aws_request_id),
        0 < context.get_remaining_time_in_millis() <= 30_000,
    ]
    arn = "arn:aws:lambda:us-east-1:123456789012:function:small-intake"
    assert stack.invoke("intake", {}) == ["small-intake", arn, "512", 36, True]


def test_functions_can_be_invoked_through_the_sdk(small: Callable[..., Stack], probe: "Probe") -> None:
    """Invoke answers payload or error; an unknown function is a 404; Event runs later."""
    stack = small()
    session = botocore.session.get_session()
    session.set_credentials("local", "local")
    client: Any = session.create_client("lambda", region_name="us-east-1")
    probe.on["intake"] = lambda event, _context: {"got": event}
    answer = client.invoke(FunctionName="small-intake", Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"got": {"a": 1}}
    probe.on["intake"] = lambda event, _context: event["missing"]
    failed = client.invoke(FunctionName="small-intake", Payload=b"{}")
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "KeyError"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")
    assert client.invoke(FunctionName="small-worker", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    assert "worker" not in probe.seen
    stack.settle()
    assert probe.seen["worker"] == [{}]


def test_the_trigger_runs_once_when_everything_is_there(small: Callable[..., Stack], probe: "Probe") -> None:
    """The function that configures the deployment ran; when it fails, the stack does not come up."""
    small().stop()
    assert probe.seen["setup"] == [{}]

    def fail(_event: Any, _context: Any) -> Any:
        raise ValueError("bad journey")

    probe.on["setup"] = fail
    with pytest.raises(TriggerError, match="small-setup failed: bad journey"):
        small()


def test_only_one_stack_at_a_time(small: Callable[..., Stack]) -> None:
    """A second stack in the same process is refused while the first is up, and welcome after it."""
    first = small()
    with pytest.raises(RuntimeError, match="another embedded stack"):
        small()
    first.stop()
    small()


def test_outside_a_stack_the_sdk_is_left_alone() -> None:
    """With no stack up, the hook answers nothing."""
    assert not [gateway for gateway in sys.modules["infra.local.gateway"]._open if isinstance(gateway, Gateway)]
