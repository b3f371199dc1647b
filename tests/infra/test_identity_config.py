"""What a stage says of identity: checked while the stage is built, and read back by the product as it was meant."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.config import LOCAL, PROD, InvalidConfigurationError, SourceConfig, deployment_document
from infra.identity_config import IdentifierConfig, IdentityConfig, InvalidIdentityError
from omnicascade.contracts import METRIC_NAMESPACE, SUPER_NODES_METRIC
from omnicascade.domain.deployment import Source
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.identity_rules import DEFAULT_RULES, Limit, Trust
from tests.infra.template_reader import TemplateReader


def test_the_product_reads_back_what_a_stage_says_of_identity() -> None:
    """Typed settings, windows and trust survive the way through the document."""
    identity = IdentityConfig(
        types={
            "loyalty_card": IdentifierConfig(priority=4, limit=Limit(2)),
            "anonymous_id": IdentifierConfig(limit=Limit(5, timedelta(days=7))),
        },
        default_limit=Limit(3),
        blocked_values=("test@example.com",),
        blocked_patterns=("qa-.*",),
        max_merges=20,
        max_identifiers=200,
    )
    rules = deployment_from(deployment_document(replace(PROD, identity=identity))).identity
    assert rules.priorities == ("user_id", "email", "phone", "loyalty_card")
    assert rules.limit_of("loyalty_card") == Limit(2)
    assert rules.limit_of("anonymous_id") == Limit(5, timedelta(days=7))
    assert rules.limit_of("email") == Limit(3)
    assert (rules.max_merges, rules.max_identifiers) == (20, 200)
    assert rules.blocks("QA-17")
    assert rules.blocks("test@example.com")
    assert rules.trust == {"server": Trust.HIGH, "call-centre": Trust.LOW}


def test_a_stage_that_says_nothing_has_the_defaults() -> None:
    """Both stages of the repository differ from the product's rules in nothing but trust."""
    trust = {PROD.stage: {"server": Trust.HIGH, "call-centre": Trust.LOW}, LOCAL.stage: {"local-callcentre": Trust.LOW}}
    for stage in (PROD, LOCAL):
        rules = deployment_from(deployment_document(stage)).identity
        assert rules == replace(DEFAULT_RULES, trust=trust[stage.stage])


def test_rules_that_contradict_themselves_stop_the_synth() -> None:
    """With the path and the remedy of every slip, before anything is built."""
    with pytest.raises(InvalidIdentityError) as refused:
        IdentityConfig(
            types={"card": IdentifierConfig(priority=1), "email": IdentifierConfig(limit=Limit(0))},
            blocked_patterns=("(a+)+",),
        )
    told = str(refused.value).splitlines()
    assert len(told) == 4
    assert any(line.startswith("  identity.types.card.priority: user_id has priority 1 too") for line in told)
    assert any("identity.types.email.limit" in line for line in told)
    assert any("identity.blocked_patterns: `(a+)+`" in line for line in told)


def test_a_window_too_short_to_afford_is_refused() -> None:
    """A proposal is stored once per window."""
    with pytest.raises(InvalidIdentityError, match="1d to 365d"):
        IdentityConfig(types={"anonymous_id": IdentifierConfig(limit=Limit(5, timedelta(minutes=1)))})


def test_an_unknown_word_of_trust_is_refused() -> None:
    """A source is believed highly, normally or little."""
    with pytest.raises(InvalidConfigurationError, match="'lo' is none of high, normal, low"):
        SourceConfig(Source("desk", "call_centre", trust="lo"))


def test_a_super_node_raises_an_alarm(prod: TemplateReader) -> None:
    """At the first one, on the metric that the projector of this table writes."""
    (alarm,) = [a for a in prod.of_type("AWS::CloudWatch::Alarm").values() if a["MetricName"] == SUPER_NODES_METRIC]
    assert alarm["Namespace"] == METRIC_NAMESPACE
    (table,) = prod.of_type("AWS::DynamoDB::Table")
    assert alarm["Dimensions"] == [{"Name": "table", "Value": {"Ref": table}}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
        "Sum",
        1,
        "GreaterThanOrEqualToThreshold",
    )
    assert alarm["TreatMissingData"] == "notBreaching"
