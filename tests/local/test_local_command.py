"""The command `python -m infra.local`: its errors, its banner, and that it stops when told."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from infra.local.command import ROOT, main

TRIVIAL: dict[str, Any] = {"Resources": {"Role": {"Type": "AWS::IAM::Role"}}}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template that comes up at once."""
    path = tmp_path / "trivial.template.json"
    path.write_text(json.dumps(TRIVIAL), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({"PORT": "many"}, "PORT=many is no port"),
        ({"PORT": "70000"}, "use a number from 1 to 65535"),
        ({"SPEED": "fast"}, "SPEED=fast is no speed"),
        ({"SPEED": "-1"}, "from 0 to"),
        ({"SPEED": "nan"}, "SPEED=nan is no speed"),
    ],
)
def test_bad_settings_are_one_line_with_the_remedy(
    environment: dict[str, str], remedy: str, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that cannot be used ends the command with 2 and says what would do."""
    assert main(["--template", str(template)], environment) == 2
    error = capsys.readouterr().err
    assert remedy in error
    assert error.count("\n") == 1


def test_a_used_port_is_named(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The port that is taken, and what to do about it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--template", str(template)], {"PORT": str(port)}) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err


def test_a_missing_template_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A template that is not there ends the command with 1."""
    assert main(["--template", str(tmp_path / "none.template.json")], {"PORT": "0"}) == 1
    assert "make synth" in capsys.readouterr().err


def test_help_names_settings_and_controls(capsys: pytest.CaptureFixture[str]) -> None:
    """--help tells PORT, SPEED and every control."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"], {})
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for word in ("PORT", "SPEED", "/local/messages", "/local/clock", "/local/reset", "/local/settle"):
        assert word in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(template: Path, number: signal.Signals) -> None:
    """The banner names the URL, which answers; a signal ends it with 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "--template", str(template)],
        cwd=ROOT,
        env={"PORT": "0", "PATH": "", "PYTHONPATH": f"{ROOT}:{ROOT}/layers/shared/python"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    shown = [process.stdout.readline() for _ in range(7)]
    url = next(line.split()[-1] for line in shown if "API" in line)
    with urllib.request.urlopen(f"{url}/local/clock", timeout=10) as answer:
        assert "now" in json.load(answer)
    process.send_signal(number)
    assert process.wait(10) == 0
    assert any("local-staff" in line for line in shown)
    assert any("a restart forgets it" in line for line in shown)
    process.stdout.close()
