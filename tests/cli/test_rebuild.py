"""`omnicascade rebuild`: what it reads, what it says, and what it leaves behind."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from omnicascade.adapters.event_archive import line_of
from omnicascade.cli import app
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.record_events import event_of
from tests.benchmarks.rebuild import check_same
from tests.benchmarks.reference_stream import reference_stream, write_calls

AT = "2026-03-01T10:00:00.000+00:00"
RUNNER = CliRunner()


def call(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "page", "messageId": f"m-{number}", "timestamp": AT, "anonymousId": "v-1", **more}


def mail(address: str) -> dict[str, Any]:
    return {"context": {"traits": {"email": address}}}


def archived(number: int, source: str = "web", **more: Any) -> str:
    envelope = Envelope(source, datetime(2026, 3, 1, 11, tzinfo=UTC), [call(number, **more)])
    return line_of(event_of(envelope.calls[0], envelope))


def write(path: Path, *lines: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def run(*arguments: object, code: int = 0, given: bytes | None = None) -> str:
    result = RUNNER.invoke(app, ["rebuild", *map(str, arguments)], input=given)
    assert result.exit_code == code, result.output
    return result.output


def told(*arguments: object, code: int = 0) -> Mapping[str, Any]:
    return json.loads(run(*arguments, "--json", code=code).splitlines()[-1])


def test_archive_folders_calls_and_batches_are_read_alike(tmp_path: Path) -> None:
    """The same five events count once, however many files of whatever form tell them."""
    write(tmp_path / "archive/2026/03/01/1-2.jsonl.gz", archived(1), archived(2, **mail("ann@example.com")))
    write(tmp_path / "calls.jsonl", call(1), "", call(3))
    write(tmp_path / "batches.jsonl", {"batch": [call(3), call(4)], "sentAt": AT, "context": {"locale": "pl"}}, call(5))
    summary = told(tmp_path / "archive", tmp_path / "calls.jsonl", tmp_path / "batches.jsonl")
    assert (summary["events"], summary["duplicates"], summary["profiles"], summary["bad_lines"]) == (5, 2, 1, 0)
    assert summary["unknown_sources"] == {"web": 2, "file": 5}


def test_profiles_are_written_as_the_api_shows_them(tmp_path: Path) -> None:
    """One JSON object a line, the same to the byte whatever the order of the events, and nothing half written."""
    lines = [archived(1, **mail("ann@example.com")), archived(2, anonymousId="v-2"), archived(3)]
    forth, back = write(tmp_path / "a.jsonl", *lines), write(tmp_path / "b.jsonl", *reversed(lines))
    run(forth, "--out", tmp_path / "a.out")
    run(back, "--out", tmp_path / "b.out")
    assert (tmp_path / "a.out").read_bytes() == (tmp_path / "b.out").read_bytes()
    profiles = [json.loads(line) for line in (tmp_path / "a.out").read_text().splitlines()]
    known = next(profile for profile in profiles if len(profile["identifiers"]) == 2)
    assert (known["counters"]["events"], known["traits"]) == (2, {"email": "ann@example.com"})
    assert known["channels"]["email"]["reachable"] is True
    assert not list(tmp_path.glob("*.part"))


def test_standard_input_and_output(tmp_path: Path) -> None:
    """`-` reads from a pipe, gzipped too, and writes profiles to one; the summary then goes to standard error."""
    packed = gzip.compress(f"{json.dumps(call(1))}\n".encode())
    result = RUNNER.invoke(app, ["rebuild", "-", "--out", "-"], input=packed)
    assert [json.loads(line)["counters"]["events"] for line in result.stdout.splitlines()] == [1]
    assert result.stderr.startswith("1 events")


def test_rules_of_the_command_line_count(tmp_path: Path) -> None:
    """A limit, a blocked value, trust and a till's shared device in the file of rules change who is who."""
    events = write(
        tmp_path / "e.jsonl",
        *(archived(number, "till", **mail(f"{number}@example.com")) for number in (1, 2)),
        *(archived(number, anonymousId=f"v-{number}", **mail("qa@example.com")) for number in (3, 4)),
    )
    assert told(events)["profiles"] == 2
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "blocked_values: [qa@example.com]\nsources: [{name: till, shared_device: true}, {name: web, trust: low}]\n"
    )
    summary = told(events, "--rules", rules)
    assert (summary["profiles"], summary["unknown_sources"]) == (4, {})


def test_the_deployments_configuration_is_read(tmp_path: Path) -> None:
    """Sources and rules of configuration.json are the ones in force; --rules stand in for the rules alone."""
    identity = {"types": {"email": {"limit": 1}}}
    sources = [{"name": "web", "kind": "web", "default_region": "PL", "shared_device": False}]
    config = tmp_path / "configuration.json"
    config.write_text(json.dumps({"deployment": {"sources": sources, "identity": identity}, "journeys": []}))
    phoned = {"context": {"traits": {"email": "b@example.com", "phone": "601 234 567"}}}
    events = write(tmp_path / "e.jsonl", archived(1, **mail("a@example.com")), archived(2, "web", **phoned))
    assert told(events, "--config", config)["refused"] == {"limit": 1}
    (tmp_path / "rules.json").write_text("{}")
    summary = told(events, "--config", config, "--rules", tmp_path / "rules.json", "--out", tmp_path / "out")
    assert (summary["refused"], summary["unknown_sources"]) == ({}, {})
    assert "+48601234567" in (tmp_path / "out").read_text()


def test_a_dry_run_names_who_would_join_split_and_change(tmp_path: Path) -> None:
    """Two sets of rules over the same events: people see examples, scripts every id, and nothing is written."""
    events = write(tmp_path / "e.jsonl", archived(1, **mail("a@example.com")), archived(2, **mail("b@example.com")))
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"types": {"email": {"limit": 1}}}))
    out = tmp_path / "out.jsonl"
    text = run(events, "--dry-run", "--rules", one, "--out", out)
    assert "1 would split" in text
    assert "0 would join" in text
    assert not out.exists()
    comparison = told(events, "--dry-run", "--against", one)["comparison"]
    assert [len(join["before"]) for join in comparison["joined"]] == [2]
    assert "email:b@example.com" in comparison["joined"][0]["identifiers"]


def test_bad_lines_are_counted_and_explained(tmp_path: Path) -> None:
    """Each with its file and line, the first twenty of them; --strict stops at the first."""
    wrong = ["{", "[]", {"type": "page"}, call(1, type="hug"), {"call": {"type": "page"}}, call(2, context=[])]
    wrong += [{**call(3), "timestamp": "yesterday"}, {"batch": [call(4), {"type": "page"}], "sentAt": AT}]
    events = write(tmp_path / "e.jsonl", *wrong, *["no"] * 20, call(5))
    summary = told(events, code=1)
    assert (summary["events"], summary["bad_lines"], len(summary["bad"])) == (2, 28, 20)
    assert [line["line"] for line in summary["bad"][:8]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "… and 8 more" in run(events, code=1)
    assert f"{events}:1: not JSON" in run(events, "--strict", code=2)


def test_a_file_that_breaks_off_is_told(tmp_path: Path) -> None:
    """What could be read of a damaged archive object counts; the damage is a bad line."""
    whole = gzip.compress("".join(f"{json.dumps(call(n))}\n" for n in range(50)).encode(), 0)
    (tmp_path / "e.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    summary = told(tmp_path / "e.jsonl.gz", code=1)
    assert 0 < summary["events"] < 50
    assert "damaged" in summary["bad"][0]["message"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("types: {email: {limit: 0}}", "types.email.limit"),
        ("blokced_values: []", "did you mean `blocked_values`"),
        ("[1]", "must hold a mapping"),
        ("a: [", "is not YAML"),
        ("sources: [{kind: web}]", "sources.0.name"),
    ],
)
def test_a_slip_in_the_rules_is_told_by_its_path(tmp_path: Path, rules: str, said: str) -> None:
    """No event is read under rules that are not what was meant."""
    path = tmp_path / "rules.yaml"
    path.write_text(rules)
    assert said in run(write(tmp_path / "e.jsonl", call(1)), "--rules", path, code=2)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """A file that is not there, a folder without events, and a comparison that is none stop it with a sentence."""
    assert "there is no file" in run(tmp_path / "none.jsonl", code=2)
    assert "holds no file" in run(tmp_path, code=2)
    assert "--dry-run" in run(write(tmp_path / "e.jsonl", call(1)), "--against", tmp_path / "e.jsonl", code=2)


def test_a_call_without_a_message_id_is_the_same_event_every_time(tmp_path: Path) -> None:
    """Its line gives it one, so that reading a file twice counts it once, and clocks are corrected as by the intake."""
    plain = {"type": "page", "anonymousId": "v-1", "originalTimestamp": AT, "sentAt": AT, "receivedAt": AT}
    events = write(tmp_path / "e.jsonl", plain, plain, {**plain, "anonymousId": "v-2"})
    summary = told(events, events)
    assert (summary["events"], summary["duplicates"]) == (2, 4)


def test_duckdb_makes_the_same_profiles(tmp_path: Path) -> None:
    """The command's digest over a slice of the reference stream is DuckDB's over the same file."""
    assert len(check_same(write_calls(tmp_path / "calls.jsonl", reference_stream(3_000)))) == 16
