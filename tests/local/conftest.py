"""A small stack for tests: one of each resource the embedded stack runs, with functions the test itself provides."""

import functools
import json
import sys
import types
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.journey_definition import machine_definition
from infra.local.stack import Stack

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMES = ("intake", "staff", "worker", "reader", "sender", "setup")
EVENTS_ONLY = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "E#"}]}}}}

type Handler = Callable[[Any, Any], Any]


@dataclass(slots=True)
class Probe:
    """What the small stack's functions do (`on`), and what they were given (`seen`)."""

    on: dict[str, Handler] = field(default_factory=dict[str, Handler])
    seen: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def call(self, name: str, event: Any, context: Any) -> Any:
        """Run one function."""
        self.seen.setdefault(name, []).append(event)
        return self.on[name](event, context) if name in self.on else {}


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """The functions of the small stack, importable as `probe.<name>`."""
    kept = Probe()
    module = types.ModuleType("probe")
    for name in NAMES:
        setattr(module, name, functools.partial(kept.call, name))
    monkeypatch.setitem(sys.modules, "probe", module)
    return kept


@pytest.fixture
def document() -> dict[str, Any]:
    """The small stack's template."""
    return {"Resources": _resources(), "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Machine")}}


@pytest.fixture
def small(tmp_path: Path, document: dict[str, Any], probe: Probe) -> Generator[Callable[..., Stack]]:
    """Starts the small stack, with the document as the test left it; stopped at the end."""
    started: list[Stack] = []

    def start(**options: Any) -> Stack:
        path = tmp_path / "small.template.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        given: Any = {"start": START, **options}
        started.append(Stack.start(path, **given))
        return started[-1]

    yield start
    for stack in started:
        stack.stop()


def _function(name: str, **variables: Any) -> dict[str, Any]:
    properties = {
        "FunctionName": f"small-{name}",
        "Handler": f"probe.{name}",
        "Runtime": "python3.13",
        "Timeout": 30,
        "MemorySize": 512,
        "Environment": {"Variables": variables},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties, "Metadata": {"aws:asset:path": f"asset.{name}"}}


def _route(key: str, integration: str, authorization: str = "NONE") -> dict[str, Any]:
    target = {"Fn::Join": ["", ["integrations/", {"Ref": integration}]]}
    properties = {"RouteKey": key, "Target": target, "AuthorizationType": authorization}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _integration(function: str) -> dict[str, Any]:
    properties = {"IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": [function, "Arn"]}}
    return {"Type": "AWS::ApiGatewayV2::Integration", "Properties": properties}


def _resources() -> dict[str, Any]:
    return {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            },
        },
        "DeadLetters": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 60,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 3},
            },
        },
        "Failures": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Feedback": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "EmailEvents": {"Type": "AWS::SNS::Topic", "Properties": {}},
        "Replies": {"Type": "AWS::SNS::Topic", "Properties": {}},
        **{
            f"{topic}ToFeedback": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "Protocol": "sqs",
                    "TopicArn": {"Ref": topic},
                    "Endpoint": {"Fn::GetAtt": ["Feedback", "Arn"]},
                    "RawMessageDelivery": True,
                },
            }
            for topic in ("EmailEvents", "Replies")
        },
        "Set": {"Type": "AWS::SES::ConfigurationSet", "Properties": {"Name": "small"}},
        "SetToTopic": {
            "Type": "AWS::SES::ConfigurationSetEventDestination",
            "Properties": {
                "ConfigurationSetName": {"Ref": "Set"},
                "EventDestination": {
                    "MatchingEventTypes": ["delivery", "open", "click", "bounce", "complaint"],
                    "SnsDestination": {"TopicARN": {"Ref": "EmailEvents"}},
                },
            },
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "small", "ProtocolType": "HTTP"}},
        "Intake": _function("intake", URL={"Fn::GetAtt": ["Api", "ApiEndpoint"]}, QUEUE={"Ref": "Queue"}),
        "Staff": _function("staff"),
        "Worker": _function("worker"),
        "Reader": _function("reader"),
        "Sender": _function("sender"),
        "Setup": _function("setup"),
        "IntakeIntegration": _integration("Intake"),
        "StaffIntegration": _integration("Staff"),
        "Default": _route("$default", "IntakeIntegration"),
        "Track": _route("POST /v1/track", "IntakeIntegration"),
        "Link": _route("GET /l/{token}", "IntakeIntegration"),
        "Profile": _route("GET /v1/profiles/{id}", "StaffIntegration", "AWS_IAM"),
        "Message": _route("GET /v1/messages/{message_id}", "StaffIntegration", "AWS_IAM"),
        "Messages": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Fn::GetAtt": ["Worker", "Arn"]},
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "BatchSize": 25,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        },
        "Stream": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Fn::GetAtt": ["Reader", "Arn"]},
                "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                "BatchSize": 8,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 2,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "FilterCriteria": {"Filters": [{"Pattern": json.dumps(EVENTS_ONLY)}]},
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}},
            },
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "small-journeys",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": {
                    "Fn::Join": ["", [*_machine_text("<sender>"), {"Fn::GetAtt": ["Sender", "Arn"]}, _machine_tail()]]
                },
            },
        },
        "SetupVersion": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Setup"}}},
        "Trigger": {"Type": "Custom::Trigger", "Properties": {"HandlerArn": {"Ref": "SetupVersion"}}},
    }


def _machine_text(mark: str) -> list[str]:
    return [
        json.dumps(machine_definition(sender_arn=mark, audience_arn="arn:audience", bucket="bucket")).partition(mark)[0]
    ]


def _machine_tail(mark: str = "<sender>") -> str:
    return json.dumps(machine_definition(sender_arn=mark, audience_arn="arn:audience", bucket="bucket")).partition(
        mark
    )[2]
