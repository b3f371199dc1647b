"""What a cold start leaves for later is made at first use, once, and is the real thing."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omnicascade.domain.deployment import Channel
from omnicascade.domain.template_definition import load_template
from omnicascade.wiring.clients import LateClient
from omnicascade.wiring.late_renderer import LateRenderer

ROOT = Path(__file__).resolve().parents[2]
NOT_AT_A_COLD_START = ("liquid", "babel", "phonenumbers", "pydantic", "difflib")


def test_late_client_is_made_by_its_first_call() -> None:
    """Nothing is made before a call, and the calls reach what `make` answers for the service."""
    made: list[str] = []

    def make(service: str) -> Any:
        made.append(service)
        return SimpleNamespace(publish=str.upper)

    late = LateClient(make, "sns")
    assert made == []
    assert late.publish("hello") == "HELLO"
    assert made == ["sns"]


def test_late_renderer_renders_and_checks() -> None:
    """It writes what Liquid writes."""
    template = load_template({"name": "t", "sms": {"text": "Hi {{ profile.traits.name }}"}})
    late = LateRenderer()
    late.check(template)
    context = {"profile": {"traits": {"name": "Ann"}}}
    assert late.target(template, Channel.SMS, context) is None
    assert late.render(template, Channel.SMS, context).text == "Hi Ann"


@pytest.mark.parametrize(
    "function", ["ingest_events", "record_events", "project_profiles", "archive_events", "send_next_message"]
)
def test_cold_start_loads_nothing_for_later(function: str) -> None:
    """The functions that customers wait for start without template language, phone numbers or schema library."""
    look = f"import sys, functions.{function}.handler; print(*(set(sys.modules) & set({NOT_AT_A_COLD_START!r})))"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared' / 'python'}",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    done = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
