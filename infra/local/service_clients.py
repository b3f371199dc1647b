"""The stack's own way to the services: ordinary SDK clients, answered by the gateway like everybody's."""

import functools
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

import infra.local.gateway  # noqa: F401  # pyright: ignore[reportUnusedImport] - sessions made before it would miss its hook

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_kms.client import KMSClient
    from types_boto3_s3.client import S3Client
    from types_boto3_secretsmanager.client import SecretsManagerClient
    from types_boto3_sns.client import SNSClient
    from types_boto3_sqs.client import SQSClient


@functools.cache
def service_clients(region: str) -> "ServiceClients":
    """The clients for a region; they hold no state, so all stacks of a process share them."""
    return ServiceClients(region)


class ServiceClients:
    """Clients made at first use, for one region."""

    def __init__(self, region: str) -> None:
        """Nothing is loaded yet."""
        self._region = region
        self._session = botocore.session.get_session()
        self._session.set_credentials("local", "local")

    @functools.cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Tables."""
        return self._client("dynamodb")

    @functools.cached_property
    def kms(self) -> "KMSClient":
        """Keys."""
        return self._client("kms")

    @functools.cached_property
    def s3(self) -> "S3Client":
        """Buckets."""
        return self._client("s3")

    @functools.cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets."""
        return self._client("secretsmanager")

    @functools.cached_property
    def sns(self) -> "SNSClient":
        """Topics."""
        return self._client("sns")

    @functools.cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        return self._client("sqs")

    def _client(self, name: str) -> Any:
        config = Config(parameter_validation=False, retries={"max_attempts": 0})
        return self._session.create_client(name, region_name=self._region, config=config)
