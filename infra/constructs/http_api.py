"""The HTTP API: exactly the routes of the contract, each with the authorisation the contract names.

There is no built-in CORS: API Gateway would answer OPTIONS itself and hide it from the intake.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.config import IamStaff, JwtStaff
from infra.constructs.log_group import LogKeeping, log_group
from infra.interfaces import as_principal
from omnicascade.contracts import ROUTES, Auth, Function, Route

_ACCESS_LOG: Final = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}
"""No path, query, address or user agent: they can name a customer or carry a write key."""
_STEADY_PER_SECOND: Final = 2_000
_BURST: Final = 4_000
"""Below the account's default of 10,000 a second, so that one stage cannot starve the others.
Source: API Gateway quotas."""
_WHY_PUBLIC: Final = {
    Function.INGEST_EVENTS: "Browsers and SDKs carry a write key, which the function checks; it can only write.",
    Function.FOLLOW_LINKS: "Customers follow these links from their messages; whoever holds the unguessable token may.",
    Function.SERVE_STAFF_API: "The description of the API holds no data.",
}


@dataclass(frozen=True, slots=True)
class _Authorisation:
    """What a route asks of its callers, in API Gateway's words."""

    type: str
    authorizer_id: str | None = None


class PlatformApi(Construct):
    """The API and its only stage. Attributes `endpoint` (https URL without a final slash) and `api_id`."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, logs: LogKeeping) -> None:
        """Create the API without routes: functions need its address before they exist themselves."""
        super().__init__(scope, construct_id)
        self._api = api.CfnApi(
            self,
            "Api",
            name=name,
            protocol_type="HTTP",
            description="Intake, links and staff API of omnicascade",
        )
        self.api_id = self._api.ref
        self.endpoint = self._api.attr_api_endpoint
        group = log_group(self, "AccessLog", name=f"/aws/vendedlogs/{name}-api", keeping=logs)
        api.CfnStage(
            self,
            "Stage",
            api_id=self.api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=api.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn, format=json.dumps(_ACCESS_LOG)
            ),
            default_route_settings=api.CfnStage.RouteSettingsProperty(
                detailed_metrics_enabled=True,
                throttling_rate_limit=_STEADY_PER_SECOND,
                throttling_burst_limit=_BURST,
            ),
        )

    def serve(self, functions: Mapping[Function, lambda_.Function], *, staff: IamStaff | JwtStaff) -> None:
        """Add every route of the contract.

        Args:
            functions: at least those that some route names.
            staff: how staff calls are authorised.
        """
        integrations = {name: self._integration(name, functions[name]) for name in {r.function for r in ROUTES}}
        authorisation = self._authorisation(staff)
        for route in ROUTES:
            self._route(route, integrations[route.function], authorisation)

    def _integration(self, name: Function, function: lambda_.Function) -> api.CfnIntegration:
        # One permission for the whole API: one per route would come near the 20 KB that a function's policy may have.
        function.add_permission(
            "CallableByApi",
            principal=as_principal(iam.ServicePrincipal("apigateway.amazonaws.com")),
            source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{self.api_id}/*",
        )
        return api.CfnIntegration(
            self,
            _camel(name),
            api_id=self.api_id,
            integration_type="AWS_PROXY",
            integration_uri=function.function_arn,
            payload_format_version="2.0",
        )

    def _authorisation(self, staff: IamStaff | JwtStaff) -> _Authorisation:
        if isinstance(staff, IamStaff):
            return _Authorisation("AWS_IAM")
        authorizer = api.CfnAuthorizer(
            self,
            "StaffAuthorizer",
            api_id=self.api_id,
            name="staff",
            authorizer_type="JWT",
            identity_source=["$request.header.Authorization"],
            jwt_configuration=api.CfnAuthorizer.JWTConfigurationProperty(
                issuer=staff.issuer, audience=list(staff.audience)
            ),
        )
        return _Authorisation("JWT", authorizer.ref)

    def _route(self, route: Route, integration: api.CfnIntegration, staff: _Authorisation) -> None:
        wanted = _Authorisation("NONE") if route.auth is Auth.PUBLIC else staff
        resource = api.CfnRoute(
            self,
            f"Route {route.key.replace('/', '|')}",
            api_id=self.api_id,
            route_key=route.key,
            target=f"integrations/{integration.ref}",
            authorization_type=wanted.type,
            authorizer_id=wanted.authorizer_id,
        )
        if route.auth is Auth.PUBLIC:
            acknowledge(resource, "AwsSolutions-APIG4", _WHY_PUBLIC[route.function])


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
