"""The application that push notifications go out through (AWS End User Messaging Push, API name `pinpoint`).

Amazon Pinpoint's engagement features ended on 2026-10-30; its push API, applications and push channels go on.
"""

from typing import Final

from aws_cdk import CfnResource, SecretValue
from aws_cdk import aws_pinpoint as pinpoint
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.config import PushConfig

_APNS_KEYS: Final = {
    "token_key": "TokenKey",
    "token_key_id": "TokenKeyId",
    "team_id": "TeamId",
    "bundle_id": "BundleId",
}

_SERVICE_ENDED: Final = "W3696"


class PushApplication(Construct):
    """An existing or a new application, with a channel per configured credential. Attribute `application_id`."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, config: PushConfig) -> None:
        """Create what is missing; credentials stay in Secrets Manager and enter the template as references."""
        super().__init__(scope, construct_id)
        self.application_id = config.application_id or self._create(name)
        if config.fcm_secret_name:
            channel = pinpoint.CfnGCMChannel(
                self,
                "Fcm",
                application_id=self.application_id,
                enabled=True,
                # Left out, the API falls back to the legacy server key, which Google no longer accepts.
                default_authentication_method="TOKEN",
                service_json=_secret(config.fcm_secret_name),
            )
            _accept_ended_service(channel)
        if config.apns_secret_name:
            channel = pinpoint.CfnAPNSChannel(
                self,
                "Apns",
                application_id=self.application_id,
                enabled=True,
                default_authentication_method="TOKEN",
                **{name: _secret(config.apns_secret_name, field) for name, field in _APNS_KEYS.items()},
            )
            _accept_ended_service(channel)

    def _create(self, name: str) -> str:
        application = pinpoint.CfnApp(self, "App", name=name)
        _accept_ended_service(application)
        return application.ref


def _accept_ended_service(resource: CfnResource) -> None:
    acknowledge(
        resource,
        f"CloudFormation-Validate::{_SERVICE_ENDED}",
        "What ended on 2026-10-30 are endpoints, segments, campaigns and journeys; AWS lists applications and push "
        "channels among what continues, as AWS End User Messaging Push.",
    )
    resource.add_metadata("cfn-lint", {"config": {"ignore_checks": [_SERVICE_ENDED]}})


def _secret(name: str, field: str | None = None) -> str:
    return SecretValue.secrets_manager(name, json_field=field).unsafe_unwrap()
