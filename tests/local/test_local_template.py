"""The template reader: references, functions, and what it refuses."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import Stack
from infra.local.template import Made, Template, TemplateError


def _template(resources: Mapping[str, Any], made: list[str] | None = None, **parts: Any) -> Template:
    def make(logical_id: str, properties: Mapping[str, Any], metadata: Mapping[str, Any]) -> Made:
        del metadata
        if made is not None:
            made.append(logical_id)
        return Made(f"{logical_id}-ref", {"Arn": f"arn:{logical_id}", "Given": str(properties.get("Value", ""))})

    document = {"Resources": resources, **parts}
    return Template(document, makers={"Thing": make}, region="eu-west-1", account="1", stack_name="s")


def _thing(value: Any = None) -> dict[str, Any]:
    return {"Type": "Thing", "Properties": {"Value": value}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "A"}, "A-ref"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Stage"}, "local"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "arn:A"),
        ({"Fn::GetAtt": "A.Arn"}, "arn:A"),
        ({"Fn::Join": ["-", ["a", {"Ref": "A"}, 1]]}, "a-A-ref-1"),
        ({"Fn::Sub": "${A.Arn}/${AWS::AccountId}/${!kept}"}, "arn:A/1/${kept}"),
        ({"Fn::Sub": ["${x}-${A}", {"x": {"Ref": "AWS::Partition"}}]}, "aws-A-ref"),
        ({"Fn::Select": [1, {"Fn::Split": [":", {"Fn::GetAtt": ["A", "Arn"]}]}]}, "A"),
        ({"Fn::If": ["IsLocal", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsNotLocal", "yes", {"Ref": "A"}]}, "A-ref"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 128),
        ([1, {"Ref": "AWS::NoValue"}, {"a": {"Ref": "AWS::NoValue"}, "b": True}], [1, {"b": True}]),
    ],
)
def test_functions_resolve(value: Any, expected: Any) -> None:
    """Every intrinsic function gives what CloudFormation gives."""
    conditions = {
        "IsLocal": {"Fn::Equals": [{"Ref": "Stage"}, "local"]},
        "IsNotLocal": {"Fn::And": [{"Fn::Not": [{"Condition": "IsLocal"}]}, {"Fn::Or": [{"Condition": "IsLocal"}]}]},
    }
    template = _template(
        {"A": _thing()},
        Parameters={"Stage": {"Type": "String", "Default": "local"}},
        Conditions=conditions,
        Mappings={"Sizes": {"local": {"memory": 128}}},
    )
    assert template.resolve(value) == expected


def test_resources_are_made_once_and_when_they_are_needed() -> None:
    """What another refers to is made first, whatever the order in the template, and only once."""
    made: list[str] = []
    template = _template({"A": _thing({"Ref": "B"}), "B": _thing({"Ref": "C"}), "C": _thing()}, made)
    template.make_all()
    assert made == ["C", "B", "A"]
    assert template.made("A").attributes["Given"] == "B-ref"


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"Q": {"Type": "AWS::Kinesis::Stream"}}, r"Q is of type AWS::Kinesis::Stream"),
        ({"A": _thing({"Ref": "B"}), "B": _thing({"Ref": "A"})}, r"circle: A -> B -> A"),
        ({"A": _thing({"Ref": "Nobody"})}, r"refers to Nobody"),
        ({"A": _thing({"Fn::GetAtt": ["B", "Colour"]}), "B": _thing()}, r"B has no attribute Colour"),
        ({"A": _thing({"Fn::Cidr": ["x"]})}, r"does not resolve Fn::Cidr"),
    ],
)
def test_what_cannot_be_run_is_named(resources: Mapping[str, Any], message: str) -> None:
    """An unknown type, a circle, a dangling reference: each is an error that says where."""
    with pytest.raises(TemplateError, match=message):
        _template(resources).make_all()


def test_types_without_effect_here_give_an_arn_all_the_same() -> None:
    """A role is not made, but what refers to its ARN gets one."""
    template = _template({"R": {"Type": "AWS::IAM::Role"}})
    assert template.resolve({"Fn::GetAtt": ["R", "Arn"]}) == "arn:aws:iam:eu-west-1:1:R"


def test_a_missing_or_broken_template_says_what_to_do(tmp_path: Path) -> None:
    """No file, or no JSON: one error with the remedy."""
    with pytest.raises(TemplateError, match="make synth"):
        Stack(tmp_path / "none.template.json")
    broken = tmp_path / "broken.template.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(TemplateError, match="is not a template"):
        Stack(broken)


def test_the_whole_small_template_comes_up(small: Any) -> None:
    """Table with stream, queues with redrive, topics, routes, machine: all there, all references resolved."""
    stack: Stack = small()
    environment = stack.inventory.functions["small-intake"].environment
    assert environment == {"URL": "http://127.0.0.1:8787", "QUEUE": stack.outputs["Queue"]}
    attributes = stack.clients.sqs.get_queue_attributes(QueueUrl=stack.outputs["Queue"], AttributeNames=["All"])
    redrive = json.loads(attributes["Attributes"]["RedrivePolicy"])
    assert redrive["maxReceiveCount"] == 3
    assert redrive["deadLetterTargetArn"].endswith(":small-DeadLetters")
    assert [route.key for route in stack.inventory.routes if route.guarded] == [
        "GET /v1/profiles/{id}",
        "GET /v1/messages/{message_id}",
    ]
