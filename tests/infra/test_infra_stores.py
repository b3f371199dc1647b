"""Where personal data rest: the table, the archive and their key."""

from datetime import timedelta

from omnicascade.adapters.event_archive import age_tag
from omnicascade.contracts import LIVE_INDEX, TIMELINE_INDEX, Function
from tests.infra.template_reader import TemplateReader


def test_the_table_has_the_keys_and_the_timeline_that_the_code_expects(prod: TemplateReader) -> None:
    """Partition and sort key are text, and the local index orders a partition by time."""
    table = prod.one("AWS::DynamoDB::Table")
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    (index,) = table["LocalSecondaryIndexes"]
    assert index["IndexName"] == TIMELINE_INDEX
    assert index["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["name", "rx"]}
    assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}


def test_the_index_of_live_runs_holds_their_keys_and_due_moments(prod: TemplateReader) -> None:
    """Its keys are attributes of live runs only, and a walk tells which of them are late."""
    (index,) = prod.one("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == LIVE_INDEX
    assert index["KeySchema"] == [
        {"AttributeName": "lp", "KeyType": "HASH"},
        {"AttributeName": "lk", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["due"]}


def test_the_table_costs_nothing_idle_and_tells_of_its_changes(prod: TemplateReader) -> None:
    """On demand, with new images on its stream and expiry."""
    table = prod.one("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_table_can_be_restored_and_is_encrypted_by_our_key(prod: TemplateReader) -> None:
    """Point-in-time recovery is on; the key is ours and rotates."""
    table = prod.one("AWS::DynamoDB::Table")
    (key_id,) = prod.of_type("AWS::KMS::Key")
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert prod.one("AWS::KMS::Key")["EnableKeyRotation"] is True


def test_production_data_outlive_the_stack_and_local_data_do_not(prod: TemplateReader, local: TemplateReader) -> None:
    """Table, archive, key and signing secret are kept in production, where the table also refuses deletion."""
    for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret"):
        assert _deletion(prod, kind) == {"Retain"}
        assert _deletion(local, kind) == {"Delete"}
    assert prod.one("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is True
    assert local.one("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is False


def _deletion(reader: TemplateReader, kind: str) -> set[str]:
    return {r["DeletionPolicy"] for r in reader.template["Resources"].values() if r["Type"] == kind}


def test_the_archive_is_private_and_ages_out(prod: TemplateReader) -> None:
    """Nothing is public, everything is encrypted and versioned, and old events go."""
    bucket = prod.one("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    lifecycles = {rule["Prefix"]: rule for rule in rules if "TagFilters" not in rule}
    assert {prefix: rule["ExpirationInDays"] for prefix, rule in lifecycles.items()} == {
        "archive/": 400,
        "audiences/": 372,
        "erasures/": 36,
        "rebuilds/": 30,
    }
    assert all("NoncurrentVersionExpiration" in rule for rule in lifecycles.values())


def test_what_an_erasure_writes_anew_ages_out_with_its_events(prod: TemplateReader) -> None:
    """Whatever age the events have reached, the object has the rest of the retention and no day more."""
    rules = prod.one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    left = {rule["TagFilters"][0]["Value"]: rule["ExpirationInDays"] for rule in rules if "TagFilters" in rule}
    for age in (timedelta(days=days) for days in range(30, 400)):
        assert int(age_tag(age).removeprefix("age_days=")) + left[age_tag(age).removeprefix("age_days=")] == 400
    assert age_tag(timedelta(days=29)) == ""


def test_the_archive_refuses_plain_connections(prod: TemplateReader) -> None:
    """The bucket's policy denies every request without TLS."""
    statements = prod.one("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    denied = [s for s in statements if s["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denied]


def test_the_key_works_through_the_stores_of_this_account_only(prod: TemplateReader) -> None:
    """Nobody decrypts by hand with this grant: it holds for requests that come through DynamoDB or S3."""
    statements = prod.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (grant,) = [s for s in statements if s.get("Sid") == "ThroughStoresOnly"]
    conditions = grant["Condition"]["StringEquals"]
    assert conditions["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
    assert len(conditions["kms:ViaService"]) == 2
    for name in Function:
        assert not [action for action in prod.actions(name) if action.startswith("kms:")]
