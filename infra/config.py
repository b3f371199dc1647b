"""What each stage of the deployment decides for itself, in one place, typed and frozen.

This is the file a platform team edits: its sources, its senders, its rules of identity, its retention. Everything that
business rules read at run time is written into `configuration.json` (see `deployment_document`) and stored by the
function configure_deployment; the rest only shapes the template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from infra.identity_config import IdentityConfig, identity_document
from omnicascade.domain.computed.definition import computed_from
from omnicascade.domain.computed.shipped import SHIPPED_DEFINITIONS
from omnicascade.domain.deployment import Cap, Channel, Price, Source, Topic
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identity_rules_json import TRUST_WORDS, with_trust
from omnicascade.domain.limits_json import cap_to_json, caps_from, hosts_from

SOURCE_KINDS: Final = ("web", "app", "server", "pos", "kiosk", "call_centre", "messenger", "ads")


class UnknownStageError(ValueError):
    """No configuration has this stage's name."""


class InvalidConfigurationError(ValueError):
    """A stage's configuration contradicts itself."""


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A source and its write key; without one, the first deployment generates it and keeps it for ever."""

    source: Source
    write_key: str | None = None

    def __post_init__(self) -> None:
        """Refuse a kind or a word of trust that the contract doesn't know.

        Raises:
            InvalidConfigurationError: lists the known ones.
        """
        source = self.source
        for what, said, known in (("kind", source.kind, SOURCE_KINDS), ("trust", source.trust, TRUST_WORDS)):
            if said not in known:
                raise InvalidConfigurationError(f"source {source.name}: {what} {said!r} is none of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class IamStaff:
    """Staff calls are signed with AWS credentials (SigV4)."""


@dataclass(frozen=True, slots=True)
class JwtStaff:
    """Staff calls carry a token of an OpenID issuer, for example a Cognito user pool."""

    issuer: str
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PushConfig:
    """Where push goes out.

    `application_id` names an application that already exists; without it one is created. The secrets are names in
    Secrets Manager. FCM: the secret string is the service account's JSON. APNs: a JSON object with the keys `TokenKey`,
    `TokenKeyId`, `TeamId` and `BundleId`.
    """

    application_id: str | None = None
    fcm_secret_name: str | None = None
    apns_secret_name: str | None = None


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage. Durations are whole days; prices add to the list prices of `omnicascade.domain.deployment`."""

    stage: str
    sources: tuple[SourceConfig, ...]
    email_from: str
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    computed: Sequence[Mapping[str, Any]] = SHIPPED_DEFINITIONS
    """Computed traits, see omnicascade.domain.computed.definition; `(*SHIPPED_DEFINITIONS, {…})` adds one."""
    topics: Mapping[str, Topic] = field(default_factory=lambda: {"promotions": Topic.OPT_OUT})
    channels_off: tuple[str, ...] = ()
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    default_currency: str = "USD"
    default_zone: str = "UTC"
    caps: tuple[Cap, ...] = ()
    """How many marketing messages one person gets at most, besides each journey's own cap."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that journeys may call, by exact name; none unless listed."""
    sms_sender_id: str = ""
    sms_max_price_usd: str = "0.25"
    push: PushConfig = PushConfig()
    staff: IamStaff | JwtStaff = IamStaff()
    archive_retention_days: int = 400
    log_retention_days: int = 30
    alarm_topic_arn: str | None = None
    keep_data: bool = True
    """Whether table, archive and key survive the deletion of the stack."""

    def __post_init__(self) -> None:
        """Refuse two sources of one name or one key, and computed traits, caps and hosts that cannot be read.

        Raises:
            InvalidConfigurationError: names the doubled one, or everything that is wrong with a definition.
        """
        try:
            computed_from(self.computed)
            caps_from([cap_to_json(cap) for cap in self.caps])
            hosts_from(self.webhook_hosts)
        except UnacceptableError as error:
            raise InvalidConfigurationError(f"stage {self.stage}: {error}") from error
        for what, values in (
            ("name", [s.source.name for s in self.sources]),
            ("write key", [s.write_key for s in self.sources if s.write_key]),
        ):
            doubled = {value for value in values if values.count(value) > 1}
            if doubled:
                raise InvalidConfigurationError(f"stage {self.stage}: two sources share the {what} {min(doubled)!r}")


def _local_source(name: str, kind: str, *, shared_device: bool = False, trust: str = "normal") -> SourceConfig:
    return SourceConfig(Source(name, kind, "PL", shared_device, trust), write_key=name)


LOCAL: Final = StageConfig(
    stage="local",
    sources=(
        _local_source("local-web", "web"),
        _local_source("local-app", "app"),
        _local_source("local-server", "server"),
        _local_source("local-pos", "pos", shared_device=True),
        _local_source("local-kiosk", "kiosk", shared_device=True),
        _local_source("local-callcentre", "call_centre", trust="low"),
    ),
    email_from="shop@example.com",
    webhook_hosts=("hooks.example.com",),
    keep_data=False,
)
"""The embedded stack's own stage: write keys equal the sources' names, nothing outlives the process."""

PROD: Final = StageConfig(
    stage="prod",
    sources=(
        SourceConfig(Source("web", "web")),
        SourceConfig(Source("app", "app")),
        SourceConfig(Source("server", "server", trust="high")),
        SourceConfig(Source("pos", "pos", shared_device=True)),
        SourceConfig(Source("call-centre", "call_centre", trust="low")),
    ),
    email_from="shop@example.com",
    caps=(Cap(5, timedelta(hours=24)), Cap(2, timedelta(days=7), Channel.SMS)),
)
"""An example to start from: replace `email_from` by an address that SES has verified, and name your sources. What your
own server says of who is who goes before what a browser says, and that before what an agent typed. Nobody gets more
than five marketing messages within 24 hours, nor more than two text messages within a week."""

STAGES: Final[Mapping[str, StageConfig]] = {config.stage: config for config in (LOCAL, PROD)}


def config_of(stage: str) -> StageConfig:
    """The configuration of a stage.

    Raises:
        UnknownStageError: lists the stages there are.
    """
    if stage not in STAGES:
        raise UnknownStageError(f"stage {stage!r} is not in infra/config.py; known stages: {', '.join(sorted(STAGES))}")
    return STAGES[stage]


def deployment_document(config: StageConfig) -> dict[str, Any]:
    """The part of a stage that business rules read, as plain JSON: the `deployment` of configuration.json."""
    sources = [_source_document(source) for source in config.sources]
    document: dict[str, Any] = {
        "sources": sources,
        "identity": with_trust(identity_document(config.identity), sources),
        "topics": {name: topic.value for name, topic in config.topics.items()},
        "channels_off": sorted(config.channels_off),
        "prices": {
            key: {"amount": str(price.amount), "currency": price.currency} for key, price in config.prices.items()
        },
        "default_currency": config.default_currency,
        "default_zone": config.default_zone,
        "caps": [cap_to_json(cap) for cap in config.caps],
        "webhook_hosts": sorted(config.webhook_hosts),
    }
    return document if config.computed == SHIPPED_DEFINITIONS else document | {"computed": list(config.computed)}


def _source_document(config: SourceConfig) -> dict[str, Any]:
    source = config.source
    document: dict[str, Any] = {
        "name": source.name,
        "kind": source.kind,
        "default_region": source.default_region,
        "shared_device": source.shared_device,
        "trust": source.trust,
    }
    return document if config.write_key is None else document | {"write_key": config.write_key}
