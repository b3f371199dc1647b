"""One maker per resource type: either it exists in moto, or it is entered in the inventory for the stack to run."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from infra.local.async_calls import CallRules
from infra.local.event_scheduler import DEFAULT_GROUP, EventScheduler
from infra.local.http_api import ApiRoute
from infra.local.inventory import EventDestination, Inventory, SourceMapping
from infra.local.lambda_runtime import FunctionDefinition
from infra.local.service_clients import ServiceClients
from infra.local.step_functions import StepFunctions
from infra.local.template import Made, Maker, TemplateError

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import CreateTableInputTypeDef

type Properties = Mapping[str, Any]

_TABLE_PROPERTIES: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
)
_QUEUE_ATTRIBUTES: Final = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "MaximumMessageSize",
    "FifoQueue",
    "ContentBasedDeduplication",
)


class Resources:
    """Makes the resources of one stack."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        clients: ServiceClients,
        step_functions: StepFunctions,
        schedules: EventScheduler,
        assets: Path,
        stack_name: str,
        region: str,
        account: str,
        url: Callable[[], str],
    ) -> None:
        """`assets` is the cloud assembly's directory; `url` is what the API's address will be."""
        self._inventory = inventory
        self._clients = clients
        self._step_functions = step_functions
        self._schedules = schedules
        self._assets = assets
        self._stack_name = stack_name
        self._region = region
        self._account = account
        self._url = url

    def makers(self) -> Mapping[str, Maker]:
        """The maker of each type."""
        return {
            "AWS::ApiGatewayV2::Api": self._api,
            "AWS::ApiGatewayV2::Integration": self._integration,
            "AWS::ApiGatewayV2::Route": self._route,
            "AWS::ApiGatewayV2::Stage": self._stage,
            "AWS::DynamoDB::GlobalTable": self._table,
            "AWS::DynamoDB::Table": self._table,
            "AWS::KMS::Key": self._key,
            "AWS::Lambda::EventInvokeConfig": self._call_rules,
            "AWS::Lambda::EventSourceMapping": self._mapping,
            "AWS::Lambda::Function": self._function,
            "AWS::Lambda::Version": self._version,
            "AWS::Pinpoint::App": self._push_application,
            "AWS::S3::Bucket": self._bucket,
            "AWS::SES::ConfigurationSet": self._configuration_set,
            "AWS::SES::ConfigurationSetEventDestination": self._event_destination,
            "AWS::SNS::Subscription": self._subscription,
            "AWS::SNS::Topic": self._topic,
            "AWS::SQS::Queue": self._queue,
            "AWS::Scheduler::Schedule": self._schedule,
            "AWS::Scheduler::ScheduleGroup": self._schedule_group,
            "AWS::SecretsManager::Secret": self._secret,
            "AWS::StepFunctions::StateMachine": self._machine,
            "Custom::Trigger": self._trigger,
        }

    def _name(self, logical_id: str, given: object = None) -> str:
        return str(given) if given else f"{self._stack_name}-{logical_id}"

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._region}:{self._account}:{resource}"

    def _api(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del properties, metadata
        return Made(logical_id, {"ApiEndpoint": self._url(), "ApiId": logical_id})

    def _stage(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del logical_id, metadata
        return Made(properties["StageName"])

    def _integration(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        self._inventory.integrations[logical_id] = properties["IntegrationUri"]
        return Made(logical_id)

    def _route(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        target = self._inventory.integrations[properties["Target"].removeprefix("integrations/")]
        function = target.partition("/functions/")[2].removesuffix("/invocations") or target
        guarded = properties.get("AuthorizationType", "NONE") != "NONE"
        self._inventory.routes.append(ApiRoute(properties["RouteKey"], function, guarded))
        return Made(logical_id)

    def _table(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("TableName"))
        request: dict[str, Any] = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        request |= {"TableName": name, "BillingMode": "PAY_PER_REQUEST"}
        if stream := properties.get("StreamSpecification"):
            request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
        answer = self._clients.dynamodb.create_table(**cast("CreateTableInputTypeDef", request))
        description = answer["TableDescription"]
        attributes = {"Arn": description.get("TableArn", ""), "TableId": name}
        if stream_arn := description.get("LatestStreamArn"):
            attributes["StreamArn"] = stream_arn
            self._inventory.table_of_stream[stream_arn] = name
        return Made(name, attributes)

    def _key(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del logical_id, metadata
        answer = self._clients.kms.create_key(Description=properties.get("Description", ""))
        return Made(answer["KeyMetadata"]["KeyId"], {"Arn": answer["KeyMetadata"].get("Arn", "")})

    def _bucket(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("BucketName")).lower()
        self._clients.s3.create_bucket(Bucket=name)
        if properties.get("VersioningConfiguration", {}).get("Status") == "Enabled":
            self._clients.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return Made(name, {"Arn": f"arn:aws:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com"})

    def _queue(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("QueueName"))
        attributes = {key: _text(properties[key]) for key in _QUEUE_ATTRIBUTES if key in properties}
        if "RedrivePolicy" in properties:
            attributes["RedrivePolicy"] = json.dumps(properties["RedrivePolicy"])
        url = self._clients.sqs.create_queue(QueueName=name, Attributes=cast("Any", attributes))["QueueUrl"]
        arn = self._arn("sqs", name)
        self._inventory.queue_urls[arn] = url
        self._inventory.queue_visibility_s[arn] = int(properties.get("VisibilityTimeout", 30))
        return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def _topic(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("TopicName"))
        arn = self._clients.sns.create_topic(Name=name)["TopicArn"]
        self._inventory.topics.append(arn)
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def _subscription(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        if properties["Protocol"] != "sqs":
            msg = f"{logical_id}: the embedded stack delivers topics to queues only, not by {properties['Protocol']}"
            raise TemplateError(msg)
        attributes = {"RawMessageDelivery": _text(properties.get("RawMessageDelivery", False))}
        for key in ("FilterPolicy", "FilterPolicyScope"):
            if key in properties:
                attributes[key] = _text(properties[key])
        answer = self._clients.sns.subscribe(
            TopicArn=properties["TopicArn"], Protocol="sqs", Endpoint=properties["Endpoint"], Attributes=attributes
        )
        return Made(answer["SubscriptionArn"])

    def _secret(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("Name"))
        value = properties.get("SecretString") or _generated(name, properties.get("GenerateSecretString", {}))
        arn = self._clients.secrets.create_secret(Name=name, SecretString=value)["ARN"]
        return Made(arn, {"Id": arn})

    def _function(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        name = self._name(logical_id, properties.get("FunctionName"))
        arn = self._arn("lambda", f"function:{name}")
        self._inventory.functions[name] = FunctionDefinition(
            name=name,
            arn=arn,
            handler=properties["Handler"],
            environment=properties.get("Environment", {}).get("Variables", {}),
            timeout_s=int(properties.get("Timeout", 3)),
            memory_mb=int(properties.get("MemorySize", 128)),
            task_root=self._assets / metadata.get("aws:asset:path", ""),
            runtime=properties["Runtime"],
        )
        return Made(name, {"Arn": arn})

    def _version(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del logical_id, metadata
        name = str(properties["FunctionName"]).rpartition(":")[2]
        return Made(f"{self._arn('lambda', f'function:{name}')}:1", {"Version": "1"})

    def _mapping(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        self._inventory.mappings.append(
            SourceMapping(properties["FunctionName"], properties["EventSourceArn"], properties)
        )
        return Made(logical_id, {"Id": logical_id})

    def _call_rules(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination and destination not in self._inventory.queue_urls:
            msg = f"{logical_id}: the embedded stack hands failed calls to queues only"
            raise TemplateError(msg)
        self._inventory.call_rules[properties["FunctionName"]] = CallRules(
            retries=int(properties.get("MaximumRetryAttempts", 2)),
            failure_queue_url=self._inventory.queue_urls.get(destination or ""),
        )
        return Made(logical_id)

    def _schedule_group(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("Name"))
        return Made(name, {"Arn": self._schedules.create_group(name)})

    def _schedule(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        name = self._name(logical_id, properties.get("Name"))
        group = properties.get("GroupName", DEFAULT_GROUP)
        return Made(name, {"Arn": self._schedules.create({**properties, "Name": name, "GroupName": group})})

    def _machine(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        arn = self._arn("states", f"stateMachine:{self._name(logical_id, properties.get('StateMachineName'))}")
        text = properties.get("DefinitionString") or json.dumps(properties["Definition"])
        for key, value in properties.get("DefinitionSubstitutions", {}).items():
            text = text.replace("${" + key + "}", str(value))
        self._step_functions.create_machine(arn, properties["RoleArn"], text)
        return Made(arn, {"Arn": arn, "Name": arn.rpartition(":")[2]})

    def _configuration_set(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        return Made(self._name(logical_id, properties.get("Name")))

    def _event_destination(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        destination = properties["EventDestination"]
        if "SnsDestination" not in destination:
            msg = f"{logical_id}: the embedded stack sends e-mail events to topics only"
            raise TemplateError(msg)
        types = frozenset(str(kind).lower() for kind in destination["MatchingEventTypes"])
        topic = destination["SnsDestination"]["TopicARN"]
        self._inventory.destinations.append(EventDestination(properties["ConfigurationSetName"], topic, types))
        return Made(logical_id)

    def _push_application(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del properties, metadata
        arn = self._arn("mobiletargeting", f"apps/{logical_id}")
        return Made(logical_id, {"Arn": arn})

    def _trigger(self, logical_id: str, properties: Properties, metadata: Properties) -> Made:
        del metadata
        self._inventory.triggers.append(properties["HandlerArn"])
        return Made(logical_id)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _generated(name: str, wanted: Mapping[str, Any]) -> str:
    """The same secret at every start: links signed before a restart are worthless anyway, and runs can be repeated."""
    secret = hashlib.sha256(name.encode()).hexdigest()[: int(wanted.get("PasswordLength", 32))]
    if "GenerateStringKey" in wanted:
        return json.dumps(json.loads(wanted["SecretStringTemplate"]) | {wanted["GenerateStringKey"]: secret})
    return secret
