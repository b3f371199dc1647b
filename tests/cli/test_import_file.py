"""Importing a file: once, twice, interrupted, throttled, refused."""

import csv
import io
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from omnicascade.cli import app
from omnicascade.cli.import_command import ImportRequest, run_import
from omnicascade.cli.import_summary import ImportSummary
from omnicascade.cli.intake_client import ATTEMPTS
from tests.cli.intake_fake import WRITE_KEY, Intake, Scripted, listening

MAP = """
name: shop-orders
call: track
event: Order Completed
key: [id]
timestamp: {column: day}
user_id: {column: customer}
properties: {total: {column: total, type: number}}
"""

STORED = Scripted(200, b'{"success": true}')
REFUSED = Scripted(401, b'{"code": "unknown_key", "message": "no"}')


@pytest.fixture
def intake() -> Generator[Intake]:
    """A listening intake."""
    with listening() as fake:
        yield fake


class Desk:
    """One folder with an orders file and a map, and a person who imports it and never really waits."""

    def __init__(self, folder: Path, intake: Intake) -> None:
        self.file, self.map_file, self.intake = folder / "orders.csv", folder / "map.yaml", intake
        self.map_file.write_text(MAP)
        self.waits: list[float] = []
        self.said = ""
        self.printed: list[str] = []

    def write_orders(self, count: int, *, bad: frozenset[int] = frozenset()) -> None:
        """Orders 1 to `count`; those in `bad` have a total that is no number."""
        rows = [f"{i},c{i % 7},2026-01-01,{'free' if i in bad else i}" for i in range(1, count + 1)]
        self.file.write_text("\n".join(["id,customer,day,total", *rows, ""]))

    def run(self, **options: Any) -> ImportSummary:
        """Import the file."""
        told = io.StringIO()
        request: dict[str, Any] = {"url": self.intake.url, "write_key": WRITE_KEY, "batch_size": 10, **options}
        summary = run_import(
            ImportRequest(file=self.file, map_file=self.map_file, **request),
            Console(file=told, width=500),
            sleep=self.waits.append,
            print_call=self.printed.append,
        )
        self.said = told.getvalue()
        return summary

    @property
    def rejected(self) -> list[dict[str, str]]:
        """The lines of the rejected file."""
        with (self.file.parent / "orders.csv.rejected.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    @property
    def files(self) -> set[str]:
        """What lies in the folder besides the file and the map."""
        return {path.name for path in self.file.parent.iterdir()} - {"orders.csv", "map.yaml"}


@pytest.fixture
def desk(tmp_path: Path, intake: Intake) -> Desk:
    """A desk with 35 orders."""
    desk = Desk(tmp_path, intake)
    desk.write_orders(35)
    return desk


def test_a_second_import_changes_nothing(desk: Desk) -> None:
    """Every messageId is the row's, so a deployment recognises all of them."""
    first, second = desk.run(), desk.run(batch_size=7)
    assert first.exit_code == second.exit_code == 0
    assert (len(desk.intake.received), len(desk.intake.stored), desk.intake.repeats) == (70, 35, 35)
    assert desk.files == set()


def test_calls_are_what_the_spec_says(desk: Desk) -> None:
    """Type, person, time and properties stand where Segment's spec puts them; no sentAt, which would move times."""
    desk.write_orders(1)
    desk.run()
    (call,) = desk.intake.received
    assert call.pop("messageId").startswith("shop-orders-")
    assert call.pop("context")["library"]["name"] == "omnicascade-import"
    assert call == {
        "type": "track",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "event": "Order Completed",
        "userId": "c1",
        "properties": {"total": 1},
    }


def test_rows_without_a_key_are_known_by_their_content_and_order(desk: Desk) -> None:
    """Identical rows are as many events, the same on every import, even on one that was cut off among them."""
    desk.map_file.write_text(MAP.replace("key: [id]\n", ""))
    desk.file.write_text("id,customer,day,total\n" + "1,c1,2026-01-01,5\n" * 4)
    desk.run(batch_size=1)
    ids = [call["messageId"] for call in desk.intake.received]
    assert len(set(ids)) == 4
    desk.intake.received.clear()
    desk.intake.script = [STORED, STORED, REFUSED]
    assert desk.run(batch_size=1).end.rows == 2
    desk.run(batch_size=1)
    assert [call["messageId"] for call in desk.intake.received] == ids[2:]


def test_ctrl_c_is_safe_and_tells_how_to_go_on(desk: Desk) -> None:
    """After an interruption the same command goes on with the first row that is not confirmed."""

    desk.intake.script = [STORED, STORED, Scripted()]
    desk.waits = _Interrupting()
    stopped = desk.run()
    assert (stopped.exit_code, stopped.end.rows) == (130, 20)
    assert "Confirmed up to: row 20 (line 21)" in desk.said
    assert "same command" in desk.said
    desk.waits = []
    done = desk.run()
    assert "going on after row 20" in desk.said
    assert [call["properties"]["total"] for call in desk.intake.received] == list(range(21, 36))
    assert (done.start.rows, done.end.rows, done.end.accepted) == (20, 35, {"track Order Completed": 35})
    assert desk.files == set()


class _Interrupting(list[float]):
    """A wait during which somebody presses Ctrl-C."""

    def append(self, _: float) -> None:
        raise KeyboardInterrupt


def test_a_connection_lost_after_storing_stores_nothing_twice(desk: Desk) -> None:
    """The batch is repeated with the same messageIds."""
    desk.intake.script = [Scripted(drop_after_storing=True)]
    assert desk.run().exit_code == 0
    assert (len(desk.intake.received), len(desk.intake.stored)) == (45, 35)
    assert desk.waits == [0.5]
    assert "no answer" in desk.said


def test_retry_after_is_honoured_and_backoff_grows_without_it(desk: Desk) -> None:
    """The server's word comes first; otherwise each wait is twice the last."""
    desk.intake.script = [Scripted(429, headers=(("Retry-After", "7"),)), Scripted(), Scripted(500, b"oops")]
    assert desk.run().exit_code == 0
    assert desk.waits == [7, 1, 2]
    assert "503 unavailable: try later; trying again in 1 s (2 of 8)" in desk.said


def test_attempts_are_limited_and_the_end_says_how_to_resume(desk: Desk) -> None:
    """A deployment that stays away stops the import with exit code 2, and nothing confirmed is lost."""
    desk.intake.script = [STORED, *[Scripted()] * ATTEMPTS]
    stopped = desk.run()
    assert (stopped.exit_code, stopped.end.rows, len(desk.waits)) == (2, 10, ATTEMPTS - 1)
    assert desk.waits == sorted(desk.waits)
    assert f"in {ATTEMPTS} attempts: 503 unavailable: try later" in desk.said
    assert "Confirmed up to: row 10" in desk.said


def test_nobody_listening_is_unreachable(desk: Desk) -> None:
    """A wrong port is retried, then told."""
    assert desk.run(url="http://127.0.0.1:1").exit_code == 2
    assert "did not take the batch" in desk.said


def test_a_client_error_stops_with_the_servers_words(desk: Desk) -> None:
    """A wrong key is never retried."""
    stopped = desk.run(write_key="wrong")
    assert (stopped.exit_code, desk.waits) == (2, [])
    assert "401 unknown_key: no source has this write key; check --write-key" in desk.said


@pytest.mark.parametrize("answer", [Scripted(200, b"<html>shop</html>"), Scripted(301, b""), Scripted(404, b"nope")])
def test_another_web_server_is_not_taken_for_an_intake(desk: Desk, answer: Scripted) -> None:
    """Only `success: true` confirms a batch."""
    desk.intake.script = [answer]
    stopped = desk.run()
    assert (stopped.exit_code, stopped.end.rows) == (2, 0)
    assert "is the URL right?" in desk.said


def test_refused_rows_are_listed_by_line_with_their_reason(desk: Desk) -> None:
    """What cannot be mapped and what the intake refuses lands in one file, in the order of the lines."""
    desk.write_orders(12, bad=frozenset({3}))
    desk.intake.refuse = lambda call: ("too_old", "before time") if call["properties"]["total"] in {2, 5} else None
    done = desk.run(batch_size=500)
    assert (done.exit_code, done.end.rejected, done.end.accepted) == (1, 3, {"track Order Completed": 9})
    assert [(r["line"], r["call"], r["code"]) for r in desk.rejected] == [
        ("3", "track Order Completed", "too_old"),
        ("4", "", "not_a_number"),
        ("6", "track Order Completed", "too_old"),
    ]
    assert desk.rejected[1]["message"] == 'total: "free" is not a number'


@pytest.mark.parametrize("explains", [True, False])
def test_a_batch_without_one_good_call_is_no_reason_to_stop(desk: Desk, *, explains: bool) -> None:
    """Its calls are set aside one by one, whether or not the answer lists them, and the next batch is sent."""
    desk.intake.explains = explains
    desk.intake.refuse = lambda call: ("bad", "no") if call["properties"]["total"] <= 10 else None
    done = desk.run()
    assert (done.exit_code, done.end.rejected) == (1, 10)
    assert [r["line"] for r in desk.rejected] == [str(line) for line in range(2, 12)]
    assert len(desk.intake.stored) == 25


def test_rejected_lines_are_not_doubled_by_a_crash_before_the_state(desk: Desk) -> None:
    """What the rejected file holds beyond the state is written again, once."""
    desk.write_orders(30, bad=frozenset({3, 13, 23}))
    desk.intake.script = [STORED, REFUSED]
    assert desk.run().end.rows == 11
    with (desk.file.parent / "orders.csv.rejected.csv").open("a") as stream:
        stream.write("14,,not_a_number,half writ")
    desk.run()
    assert [r["line"] for r in desk.rejected] == ["4", "14", "24"]


@pytest.mark.parametrize("changed", ["orders.csv", "the map"])
def test_a_changed_file_or_map_starts_over_with_a_notice(desk: Desk, changed: str) -> None:
    """A position in another file means nothing."""
    desk.intake.script = [STORED, REFUSED]
    desk.run()
    if changed == "the map":
        desk.map_file.write_text(MAP + "context: {locale: en}\n")
    else:
        desk.write_orders(36)
    done = desk.run()
    assert f"changed since the interrupted import: {changed}. Starting over" in desk.said
    assert (done.start.rows, len(desk.intake.received)) == (0, done.end.rows)


def test_batches_keep_within_500_calls_and_400_kb(desk: Desk) -> None:
    """Neither many small calls nor few large ones make a batch too big; a call above 32 KB never leaves."""
    desk.map_file.write_text(MAP.replace("type: number", "type: text"))
    rows = [f"{i},c,2026-01-01,x" for i in range(1200)]
    rows += [f"{i},c,2026-01-01,{'ö' * 12_000}" for i in range(1200, 1240)] + [f"1240,c,2026-01-01,{'x' * 33_000}"]
    desk.file.write_text("\n".join(["id,customer,day,total", *rows]), encoding="utf-8")
    done = desk.run(batch_size=500)
    assert done.end.accepted == {"track Order Completed": 1240}
    assert max(count for count, _ in desk.intake.batches) == 500
    assert max(size for _, size in desk.intake.batches) <= 400 * 1024
    assert [r["code"] for r in desk.rejected] == ["too_large"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",c1,2026-01-01,1", "empty_key"),
        ("1,,2026-01-01,1", "names_nobody"),
        ("1,c1,,1", "empty_timestamp"),
        ("1,c1,yesterday,1", "not_a_timestamp"),
        ("1,c1", "ragged_row"),
    ],
)
def test_rows_that_would_mislead_are_refused(desk: Desk, row: str, code: str) -> None:
    """An event without its id, person or time would do harm; it is set aside instead."""
    desk.file.write_text(f"id,customer,day,total\n{row}\n")
    assert desk.run().exit_code == 1
    assert [r["code"] for r in desk.rejected] == [code]
    assert desk.intake.received == []


def test_joined_files_bring_sums_counts_firsts_and_lists(desk: Desk) -> None:
    """Normalised exports become whole events; a row that nothing joins has sum and count 0."""
    desk.file.write_text("id,customer,day,total\n1,c1,2026-01-01,1\n2,c2,2026-01-02,2\n")
    (desk.file.parent / "lines.csv").write_text("order;sku;price\n1;a;0.1\n1;b;0.2\n1;;0.3\n3;c;9\n")
    desk.map_file.write_text(
        MAP.replace("properties: {total: {column: total, type: number}}", "")
        + """
join:
  - file: lines.csv
    on: {id: order}
    sum: {paid: price}
    count: {skus: sku}
    first: {lead: sku}
    list: {names: sku, lines: {sku: {column: sku}, price: {column: price, type: number}}}
properties:
  paid: {column: paid, type: number}
  skus: {column: skus, type: integer}
  lead: {column: lead}
  names: {column: names, type: json}
  products: {column: lines, type: json}
"""
    )
    assert desk.run().exit_code == 0
    first, second = (call["properties"] for call in desk.intake.received)
    assert first == {
        "paid": 0.6,
        "skus": 2,
        "lead": "a",
        "names": ["a", "b"],
        "products": [{"sku": "a", "price": 0.1}, {"sku": "b", "price": 0.2}, {"price": 0.3}],
    }
    assert second == {"paid": 0, "skus": 0}


def test_a_joined_row_that_cannot_be_summed_stops_the_import(desk: Desk) -> None:
    """A wrong total for an unknown customer must not go unseen."""
    (desk.file.parent / "pay.csv").write_text("order,amount\n1,x\n")
    desk.map_file.write_text(MAP + "join: [{file: pay.csv, on: {id: order}, sum: {paid: amount}}]\n")
    assert desk.run().exit_code == 2
    assert 'pay.csv, line 2: amount: "x" is not a number' in desk.said


def test_a_dry_run_prints_calls_and_problems_and_touches_nothing(desk: Desk) -> None:
    """No request, no file, but every row is mapped."""
    desk.write_orders(12, bad=frozenset({5}))
    done = desk.run(url=None, write_key="")
    assert (done.exit_code, done.end.accepted, done.end.rejected) == (1, {"track Order Completed": 11}, 1)
    assert [json.loads(text)["properties"]["total"] for text in desk.printed] == [1, 2, 3]
    assert 'line 6: not_a_number: total: "free" is not a number' in desk.said
    assert (desk.intake.batches, desk.files) == ([], set())


def test_skipped_rows_are_counted_not_sent(desk: Desk) -> None:
    """`skip_when` leaves rows out without calling them wrong."""
    desk.map_file.write_text(MAP + "skip_when: {column: customer, in: [c1, c2]}\n")
    done = desk.run()
    assert (done.exit_code, done.end.skipped, len(desk.intake.received)) == (0, 10, 25)


def test_the_command_prints_one_json_summary(desk: Desk) -> None:
    """With --json, standard output is exactly one object, whatever happens; the environment names the deployment."""
    environment = {"OMNICASCADE_URL": desk.intake.url, "OMNICASCADE_WRITE_KEY": WRITE_KEY}
    arguments = ["import", str(desk.file), "--map", str(desk.map_file), "--json"]
    result = CliRunner().invoke(app, arguments, env=environment)
    summary = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (summary["rows"], summary["accepted"], summary["complete"], summary["error"]) == (35, 35, True, None)
    desk.map_file.write_text(MAP + "evnt: x\n")
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "invalid_map"
    assert 'evnt: unknown key; did you mean "event"?' in result.stderr


def test_the_command_explains_itself(desk: Desk) -> None:
    """Help shows a map to copy, the version is told, and a missing URL is a usage error with its remedy."""
    shown = CliRunner().invoke(app, ["import", "--help"])
    assert "timestamp: {column: order_date" in shown.stdout
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("omnicascade 0.")
    lost = CliRunner().invoke(app, ["import", str(desk.file), "--map", str(desk.map_file)], env={"OMNICASCADE_URL": ""})
    assert lost.exit_code == 2
    assert "give --url" in lost.stderr


def test_progress_is_plain_lines_where_there_is_no_terminal(desk: Desk) -> None:
    """A log gets a line whenever another tenth is done, with rows and rejections."""
    desk.run()
    lines = [line for line in desk.said.splitlines() if " %" in line]
    assert [line.split(" %")[0] for line in lines] == ["20", "50", "80", "100"]
    assert "35 rows  0 rejected" in lines[-1]


def test_a_terminal_shows_a_bar_with_rate_and_time_left(desk: Desk) -> None:
    """The last frame is a full bar; notices stand above it, whole."""
    told = io.StringIO()
    console = Console(file=told, width=120, force_terminal=True, color_system=None)
    desk.intake.script = [Scripted()]
    request = ImportRequest(desk.file, desk.map_file, desk.intake.url, WRITE_KEY, batch_size=10)
    run_import(request, console, sleep=desk.waits.append, print_call=desk.printed.append)
    assert "100%" in told.getvalue()
    assert "35 rows" in told.getvalue()
    assert "rows/s" in told.getvalue()
    assert "503 unavailable: try later; trying again in 0.5 s (1 of 8)" in told.getvalue()
