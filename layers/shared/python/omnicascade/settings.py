"""The one place that reads the functions' environment, once, into a frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from omnicascade.contracts import Env


@dataclass(frozen=True, slots=True)
class Settings:
    """What the infrastructure tells a function. A name that a function is not given is empty."""

    table: str
    events_queue_url: str
    erasures_queue_url: str
    archive_bucket: str
    state_machine_arn: str
    public_url: str
    signing_secret_arn: str
    email_from: str
    ses_configuration_set: str
    sms_sender_id: str
    sms_max_price_usd: str
    sms_delivery_role_arn: str
    push_application_id: str
    errands_queue_url: str
    errands_schedule_group: str
    errands_schedule_role_arn: str
    errands_function_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read every name of `contracts.Env`; each function is given only those it needs."""
        return cls(**{name.name.lower(): environment.get(name.value, "") for name in Env})
