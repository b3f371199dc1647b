"""Reads a synthesized template by meaning: resources by type, functions by name, roles by what they allow."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from omnicascade.contracts import Function

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TemplateReader:
    """One stage's template and the folder of its cloud assembly."""

    stage: str
    folder: Path
    template: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, stage: str) -> Self:
        """Read the stage's template from its assembly."""
        text = (folder / f"omnicascade-{stage}.template.json").read_text(encoding="utf-8")
        return cls(stage, folder, json.loads(text))

    def of_type(self, kind: str) -> dict[str, Json]:
        """Properties of every resource of a type, by logical id."""
        resources: dict[str, Json] = self.template["Resources"]
        return {name: r.get("Properties", {}) for name, r in resources.items() if r["Type"] == kind}

    def one(self, kind: str) -> Json:
        """Properties of the only resource of a type."""
        (properties,) = self.of_type(kind).values()
        return properties

    def function_id(self, name: Function) -> str:
        """Logical id of a function."""
        wanted = f"omnicascade-{self.stage}-{name}"
        functions = self.of_type("AWS::Lambda::Function")
        return next(key for key, properties in functions.items() if properties.get("FunctionName") == wanted)

    def function(self, name: Function) -> Json:
        """Properties of a function."""
        return self.of_type("AWS::Lambda::Function")[self.function_id(name)]

    def asset(self, name: Function) -> Path:
        """The folder of a function's code."""
        return self.folder / self.template["Resources"][self.function_id(name)]["Metadata"]["aws:asset:path"]

    def statements(self, name: Function) -> list[Json]:
        """Everything a function's role allows or denies."""
        role = self.of_type("AWS::IAM::Role")[self.function(name)["Role"]["Fn::GetAtt"][0]]
        return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]

    def actions(self, name: Function) -> set[str]:
        """The actions a function's role allows."""
        return {action for statement in self.statements(name) for action in listed(statement["Action"])}

    def machine(self, name: str) -> Json:
        """Properties of the state machine of this name, for example `journeys`."""
        wanted = f"omnicascade-{self.stage}-{name}"
        machines = self.of_type("AWS::StepFunctions::StateMachine").values()
        return next(machine for machine in machines if machine["StateMachineName"] == wanted)

    def machine_statements(self, name: str) -> list[Json]:
        """Everything a state machine's role allows."""
        role = self.of_type("AWS::IAM::Role")[self.machine(name)["RoleArn"]["Fn::GetAtt"][0]]
        return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]

    def mappings(self, name: Function) -> list[Json]:
        """The event source mappings of a function."""
        target = {"Fn::GetAtt": [self.function_id(name), "Arn"]}
        return [m for m in self.of_type("AWS::Lambda::EventSourceMapping").values() if m["FunctionName"] == target]


def listed(value: Any) -> list[Any]:
    """A list of what IAM writes either singly or as a list."""
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value in nested JSON."""
    if isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield str(key), item  # pyright: ignore[reportUnknownArgumentType]
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from walk(item)
