"""Reads the synthesized template: resolves its references by making what they refer to, when they are first needed.

Lazy and recursive, so neither DependsOn nor an order of resources matters. A type without a maker is an error that
names it: what is deployed and what is run here must not drift apart in silence.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

IGNORED: Final = frozenset(
    {
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::CDK::Metadata",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Logs::ResourcePolicy",
        "AWS::Pinpoint::APNSChannel",
        "AWS::Pinpoint::APNSSandboxChannel",
        "AWS::Pinpoint::GCMChannel",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)
"""Types that change who may do what, or who is told, but not what happens. Everybody may do everything here."""


class TemplateError(ValueError):
    """The template cannot be run; the message names the resource and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists: what Ref gives, and what GetAtt gives by attribute."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


type Maker = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Made]
"""Makes a resource from its logical id, resolved properties and metadata."""


class Template:
    """One template and the resources made from it so far."""

    def __init__(
        self, document: Mapping[str, Any], *, makers: Mapping[str, Maker], region: str, account: str, stack_name: str
    ) -> None:
        """Make nothing yet.

        Raises:
            TemplateError: a resource is of a type that is neither made nor known to be without effect here.
        """
        self._document = document
        self._makers = makers
        self._made: dict[str, Made] = {}
        self._making: list[str] = []
        self._pseudo = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack_name,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/{stack_name}/local",
        }
        self._check_types()

    @classmethod
    def load(cls, path: Path) -> Mapping[str, Any]:
        """The document at `path`.

        Raises:
            TemplateError: there is none, or it is no JSON.
        """
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            msg = f"there is no template at {path}: run 'make synth' with OMNICASCADE_STAGE=local first"
            raise TemplateError(msg) from error
        except ValueError as error:
            msg = f"{path} is not a template: {error}"
            raise TemplateError(msg) from error

    def make_all(self) -> None:
        """Make every resource.

        Raises:
            TemplateError: see `resolve`.
        """
        for logical_id in self._resources:
            self.made(logical_id)

    def of_type(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """The resources of one type, unresolved, by logical id."""
        return {name: resource for name, resource in self._resources.items() if resource["Type"] == kind}

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs."""
        return {name: self.resolve(output["Value"]) for name, output in self._document.get("Outputs", {}).items()}

    def made(self, logical_id: str) -> Made:
        """The resource, made now if it was not yet."""
        if logical_id in self._made:
            return self._made[logical_id]
        if logical_id in self._making:
            msg = f"resources refer to each other in a circle: {' -> '.join([*self._making, logical_id])}"
            raise TemplateError(msg)
        self._making.append(logical_id)
        self._made[logical_id] = self._make(logical_id)
        self._making.pop()
        return self._made[logical_id]

    def resolve(self, value: Any) -> Any:
        """`value` with every intrinsic function replaced by what it gives; AWS::NoValue disappears.

        Raises:
            TemplateError: a function or a reference is unknown.
        """
        if isinstance(value, list):
            return [self.resolve(part) for part in cast("list[Any]", value) if part != {"Ref": "AWS::NoValue"}]
        if not isinstance(value, dict):
            return value
        mapping = cast("dict[str, Any]", value)
        if len(mapping) == 1:
            (name, argument), *_ = mapping.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.resolve(part) for key, part in mapping.items() if part != {"Ref": "AWS::NoValue"}}

    @property
    def _resources(self) -> Mapping[str, Mapping[str, Any]]:
        return self._document["Resources"]

    def _check_types(self) -> None:
        for name, resource in self._resources.items():
            if resource["Type"] not in self._makers and resource["Type"] not in IGNORED:
                msg = (
                    f"{name} is of type {resource['Type']}, which the embedded stack does not know: give it a maker in "
                    "infra/local/resources.py, or list it as ignored in infra/local/template.py"
                )
                raise TemplateError(msg)

    def _make(self, logical_id: str) -> Made:
        resource = self._resources.get(logical_id)
        if resource is None:
            msg = f"the template refers to {logical_id}, which it does not define"
            raise TemplateError(msg)
        kind: str = resource["Type"]
        if kind in IGNORED:
            service = kind.split("::")[1].lower()
            arn = f"arn:aws:{service}:{self._pseudo['AWS::Region']}:{self._pseudo['AWS::AccountId']}:{logical_id}"
            return Made(logical_id, {"Arn": arn})
        return self._makers[kind](
            logical_id, self.resolve(resource.get("Properties", {})), resource.get("Metadata", {})
        )

    def _ref(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        parameters: Mapping[str, Any] = self._document.get("Parameters", {})
        if name in parameters:
            return parameters[name].get("Default", "")
        return self.made(name).ref

    def _attribute(self, logical_id: str, attribute: str) -> str:
        attributes = self.made(logical_id).attributes
        if attribute not in attributes:
            msg = f"{logical_id} has no attribute {attribute} here; infra/local/resources.py should give it one"
            raise TemplateError(msg)
        return attributes[attribute]

    def _function(self, name: str, argument: Any) -> Any:
        known: Mapping[str, Callable[[Any], Any]] = {
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": lambda given: self.resolve(given[1] if self._condition(given[0]) else given[2]),
            "Fn::Join": lambda given: str(given[0]).join(str(part) for part in self.resolve(given[1])),
            "Fn::Select": lambda given: self.resolve(given[1])[int(self.resolve(given[0]))],
            "Fn::Split": lambda given: str(self.resolve(given[1])).split(given[0]),
            "Fn::Sub": self._substitute,
        }
        if name not in known:
            msg = f"the embedded stack does not resolve {name}"
            raise TemplateError(msg)
        return known[name](argument)

    def _get_att(self, argument: Any) -> str:
        logical_id, attribute = cast("list[str]", argument if isinstance(argument, list) else argument.split(".", 1))
        return self._attribute(logical_id, attribute)

    def _find_in_map(self, argument: list[Any]) -> Any:
        first, second, third = (self.resolve(part) for part in argument)
        return self._document["Mappings"][first][second][third]

    def _substitute(self, argument: Any) -> str:
        parts = cast("list[Any]", argument if isinstance(argument, list) else [argument, {}])
        given: Mapping[str, Any] = self.resolve(parts[1])

        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                return str(given[name])
            logical_id, dot, attribute = name.partition(".")
            return str(self._attribute(logical_id, attribute) if dot else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, str(parts[0]))

    def _condition(self, name: str) -> bool:
        return self._truth(self._document["Conditions"][name])

    def _truth(self, test: Mapping[str, Any]) -> bool:
        (name, argument), *_ = test.items()
        match name:
            case "Fn::Equals":
                return self.resolve(argument[0]) == self.resolve(argument[1])
            case "Fn::Not":
                return not self._truth(argument[0])
            case "Fn::And":
                return all(self._truth(part) for part in argument)
            case "Fn::Or":
                return any(self._truth(part) for part in argument)
            case "Condition":
                return self._condition(argument)
            case _:
                msg = f"the embedded stack does not resolve the condition {name}"
                raise TemplateError(msg)
