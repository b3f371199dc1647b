"""The API offers the contract's routes, with the contract's authorisation, and nothing else."""

import re
from pathlib import Path

import aws_cdk as cdk

from infra.config import JwtStaff
from infra.constructs.http_api import PlatformApi
from infra.constructs.log_group import LogKeeping
from omnicascade.contracts import ROUTES, Auth, Function
from tests.infra.template_reader import TemplateReader, walk


def _integrated_function(prod: TemplateReader, target: object) -> str:
    (integration_id,) = [value for key, value in walk(target) if key == "Ref"]
    return prod.of_type("AWS::ApiGatewayV2::Integration")[integration_id]["IntegrationUri"]["Fn::GetAtt"][0]


def test_the_api_has_exactly_the_routes_of_the_contract(prod: TemplateReader) -> None:
    """Every route of the contract exists once, leads to its function and asks for its authorisation."""
    wanted_auth = {Auth.PUBLIC: "NONE", Auth.STAFF: "AWS_IAM"}
    offered = {
        route["RouteKey"]: (_integrated_function(prod, route["Target"]), route["AuthorizationType"])
        for route in prod.of_type("AWS::ApiGatewayV2::Route").values()
    }
    assert offered == {route.key: (prod.function_id(route.function), wanted_auth[route.auth]) for route in ROUTES}
    assert len(prod.of_type("AWS::ApiGatewayV2::Route")) == len(ROUTES)


def test_only_the_staff_api_asks_for_staff(prod: TemplateReader) -> None:
    """No staff route leads to a function that browsers reach, apart from the description of the API."""
    reachable = {route.function for route in ROUTES if route.auth is Auth.PUBLIC and route.key != "GET /openapi.json"}
    assert reachable == {Function.INGEST_EVENTS, Function.FOLLOW_LINKS}
    assert {route.function for route in ROUTES if route.auth is Auth.STAFF} == {Function.SERVE_STAFF_API}


def test_the_gateway_leaves_cors_to_the_intake(prod: TemplateReader) -> None:
    """There is no CORS configuration, which would answer OPTIONS before the intake sees it."""
    assert "CorsConfiguration" not in prod.one("AWS::ApiGatewayV2::Api")


def test_functions_get_payload_format_2(prod: TemplateReader) -> None:
    """Every integration is a Lambda proxy with payload format 2.0."""
    for integration in prod.of_type("AWS::ApiGatewayV2::Integration").values():
        assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")


def test_the_access_log_names_no_customer(prod: TemplateReader) -> None:
    """The access log carries neither path nor query nor address, where identifiers and write keys travel."""
    stage = prod.one("AWS::ApiGatewayV2::Stage")
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", stage["AccessLogSettings"]["Format"]))
    assert "routeKey" in logged
    assert not logged & {"path", "rawPath", "identity.sourceIp", "identity.userAgent", "protocol"}


def test_the_stage_is_the_default_one_and_throttled(prod: TemplateReader) -> None:
    """The API answers at its root, and one client cannot use up the account's rate."""
    stage = prod.one("AWS::ApiGatewayV2::Stage")
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert 0 < stage["DefaultRouteSettings"]["ThrottlingRateLimit"] <= 10_000
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] >= stage["DefaultRouteSettings"]["ThrottlingRateLimit"]


def test_functions_learn_the_public_address_from_the_api(prod: TemplateReader) -> None:
    """Links in messages lead to this very API."""
    environment = prod.function(Function.SEND_NEXT_MESSAGE)["Environment"]["Variables"]
    (api_id,) = prod.of_type("AWS::ApiGatewayV2::Api")
    assert environment["OMNICASCADE_PUBLIC_URL"] == {"Fn::GetAtt": [api_id, "ApiEndpoint"]}
    assert prod.template["Outputs"]["ApiUrl"]["Value"] == environment["OMNICASCADE_PUBLIC_URL"]


def test_staff_may_come_with_a_token_instead(tmp_path: Path) -> None:
    """Configured for JWT, staff routes name the authorizer, and public ones still ask for nothing."""
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "jwt")
    logs = LogKeeping(retention_days=1, removal_policy=cdk.RemovalPolicy.DESTROY)
    api = PlatformApi(stack, "Api", name="jwt", logs=logs)
    stub = {
        name: cdk.aws_lambda.Function(
            stack,
            name,
            runtime=cdk.aws_lambda.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=cdk.aws_lambda.Code.from_inline("def handler(event, context): return event"),
        )
        for name in {route.function for route in ROUTES}
    }
    api.serve(stub, staff=JwtStaff("https://issuer.example.com", ("staff",)))
    resources = app.synth().get_stack_by_name("jwt").template["Resources"].values()
    authorizer = next(r["Properties"] for r in resources if r["Type"] == "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["JwtConfiguration"] == {"Issuer": "https://issuer.example.com", "Audience": ["staff"]}
    routes = {
        r["Properties"]["RouteKey"]: r["Properties"] for r in resources if r["Type"] == "AWS::ApiGatewayV2::Route"
    }
    for route in ROUTES:
        properties = routes[route.key]
        assert (properties["AuthorizationType"] == "JWT") is (route.auth is Auth.STAFF)
        assert ("AuthorizerId" in properties) is (route.auth is Auth.STAFF)
