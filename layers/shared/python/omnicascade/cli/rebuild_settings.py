"""What a rebuild is told on the command line: the deployment's configuration, and rules to try in place of its own.

Why it exists: rules are written by hand, in YAML or JSON, and a slip in them must be told by its path before an hour of
events is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from omnicascade.domain.deployment import Deployment, Source
from omnicascade.domain.deployment_json import deployment_from, source_from
from omnicascade.domain.errors import InvalidInputError
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.identity_rules_json import rules_from, with_trust
from omnicascade.domain.json_text import items, mapping


@dataclass(slots=True)
class Sources:
    """Sources by name; one that nobody configured is read with the defaults, and counted.

    Attributes:
        known: as configured.
        unknown: how many calls each unknown one sent.
    """

    known: Mapping[str, Source]
    unknown: Counter[str] = field(default_factory=Counter[str])
    _plain: dict[str, Source] = field(default_factory=dict[str, Source])

    def find(self, name: str) -> Source:
        """The source of a name: no region and no shared device, unless it is configured."""
        source = self.known.get(name)
        if source is None:
            self.unknown[name] += 1
            source = self._plain.get(name) or self._plain.setdefault(name, Source(name, "server"))
        return source


@dataclass(frozen=True, slots=True)
class RebuildSettings:
    """What a configuration says.

    Attributes:
        deployment: what the profiles' answers depend on, with the deployment's own rules of identity.
        sources: by name.
        documents: the sources as they are written, for the trust in them.
    """

    deployment: Deployment
    sources: Mapping[str, Source]
    documents: Sequence[Mapping[str, Any]] = ()

    def rules(self, path: Path | None) -> IdentityRules:
        """The rules in a file, with the trust that sources have; without a file the deployment's own.

        Raises:
            InvalidInputError: the file cannot be read, or holds no valid rules; says where.
        """
        if path is None:
            return self.deployment.identity
        values = read_document(path)
        values = mapping(values.get("identity", {k: v for k, v in values.items() if k != "sources"}))
        trust = {**with_trust({}, self.documents)["trust"], **mapping(values.get("trust"))}
        return rules_from({**values, "trust": trust} if isinstance(values.get("trust", {}), dict) else values)


def read_settings(configuration: Path | None, rules: Path | None) -> RebuildSettings:
    """Read `configuration.json`, and the `sources` that a file of rules may bring.

    Raises:
        InvalidInputError: a file cannot be read or is not valid.
    """
    values: Mapping[str, Any] = read_document(configuration) if configuration else {}
    values = mapping(values.get("deployment", values))
    documents = [mapping(each) for each in items(values.get("sources"))]
    documents += [mapping(each) for each in items(read_document(rules).get("sources"))] if rules else []
    for number, each in enumerate(documents):
        if not isinstance(each.get("name"), str):
            raise InvalidInputError("a source needs a `name`", path=f"sources.{number}.name")
    sources = [source_from({"kind": "server", **each}) for each in documents]
    try:
        deployment = deployment_from(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"{configuration} is no configuration: {error!r}") from error
    trusting = replace(deployment.identity, trust=_trust(deployment, documents))
    return RebuildSettings(
        replace(deployment, identity=trusting), {source.name: source for source in sources}, documents
    )


def _trust(deployment: Deployment, documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {**rules_from(with_trust({}, documents)).trust, **deployment.identity.trust}


def read_document(path: Path) -> Mapping[str, Any]:
    """A file of JSON or YAML that holds a mapping.

    Raises:
        InvalidInputError: it cannot be read, is neither, or holds something else.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error
    if path.suffix == ".json":
        try:
            read: object = json.loads(text)
        except ValueError as error:
            raise InvalidInputError(f"{path} is not JSON: {error}") from error
    else:
        import yaml  # noqa: PLC0415 - a tenth of a rebuild's start, for those who write YAML

        try:
            read = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidInputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict):
        raise InvalidInputError(f"{path} must hold a mapping of names to values")
    return cast("Mapping[str, Any]", read)
