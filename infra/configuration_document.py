"""The document that a deployment brings along: its settings, its journeys and its templates, as plain JSON.

configure_deployment stores it in the table. It travels in that function's code asset, so that a change of a journey is
a change of the function and runs it again.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml

from infra.config import StageConfig, deployment_document

JOURNEYS: Final = Path(__file__).resolve().parent / "journeys"
TEMPLATES: Final = JOURNEYS / "templates"


class UnreadableDefinitionError(ValueError):
    """A journey's or a template's file is not a YAML mapping; the message names the file."""


def configuration_document(config: StageConfig) -> dict[str, Any]:
    """The content of configuration.json: `deployment`, `journeys` and `templates`, the files in order of their names.

    Raises:
        UnreadableDefinitionError: a file is not YAML, holds no mapping, or repeats a key.
    """
    return {
        "deployment": deployment_document(config),
        "journeys": [_read(path) for path in sorted(JOURNEYS.glob("*.yaml"))],
        "templates": [_read(path) for path in sorted(TEMPLATES.glob("*.yaml"))],
    }


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML that reads words as words: `on` and `off` stay text, and so do times and dates."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that is written twice: the second would silently win."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]  # pyright: ignore[reportUnknownMemberType]
        doubled = {str(key) for key in keys if keys.count(key) > 1}
        if doubled:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {min(doubled)!r} is written twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_KEPT_RESOLVERS: Final = {
    "tag:yaml.org,2002:null": r"~|null|",
    "tag:yaml.org,2002:bool": r"true|false",
    "tag:yaml.org,2002:int": r"[-+]?[0-9]+",
    "tag:yaml.org,2002:float": r"[-+]?[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?",
}
"""YAML 1.2's core schema in short. Source: yaml.org/spec/1.2.2, section 10.3."""
_PlainLoader.yaml_implicit_resolvers = {}
for _tag, _pattern in _KEPT_RESOLVERS.items():
    _PlainLoader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), None)  # pyright: ignore[reportUnknownMemberType]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise UnreadableDefinitionError(f"{path.name}: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableDefinitionError(f"{path.name}: a mapping was expected at the top")
    return document  # pyright: ignore[reportUnknownVariableType]
