"""Tells the story on a page of 120 columns: tables on a terminal, the same in plain characters elsewhere."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.demo.checks import Check
from infra.demo.costs import Bill, ChannelBill
from infra.demo.lines import NAMES, Line, lines_of
from infra.demo.people import CHEAPEST_FIRST
from infra.demo.play import Outcome, Performance

WIDTH: Final = 120
STORY_WIDTHS: Final = (8, 11, 40, 49, 8)
TOLD_APART: Final = (
    "Grazyna and Iga used the same kiosk and stay two. Anna's till sent her purchase twice; it counts once."
)
PLACES: Final = {
    "local-web": "site",
    "local-server": "site",
    "local-app": "app",
    "local-pos": "till",
    "local-kiosk": "kiosk",
    "local-callcentre": "call centre",
}
"""Where events come from, in a shop's words; what providers report is left out."""

_WORDS: Final = {
    "anonymous_id": "browser",
    "user_id": "account",
    "email": "e-mail",
    "phone": "phone",
    "ios.id": "iPhone",
    "android.id": "Android",
}
_COLOURS: Final = {"push": "cyan", "email": "blue", "sms": "yellow"}
_STYLES: Final = {"act": "", "sent": "bold", "withheld": "magenta", "end": "green"}


class Narrator:
    """Writes to standard output."""

    def __init__(self) -> None:
        """Colours and lines only on a terminal."""
        terminal = sys.stdout.isatty()
        width = None if terminal else WIDTH
        self.console = Console(width=width, highlight=False, no_color=not terminal, soft_wrap=False)
        self._box = box.SIMPLE_HEAD if terminal else box.ASCII2
        self._edge = False

    def tell(self, performance: Performance, bill: Bill, checks: Sequence[Check], took_s: float) -> None:
        """The whole story."""
        named = [outcome for outcome in performance.outcomes if not outcome.person.drawn]
        drawn = [outcome for outcome in performance.outcomes if outcome.person.drawn]
        self._title("One customer out of every channel", "")
        self.console.print(self._people(named))
        self.console.print(TOLD_APART, style="dim")
        self._title("The journey", "infra/journeys/abandoned-cart.yaml")
        self.console.print(_journey(performance), style="dim")
        self._title("What happened to each", "day and time of the customer's own clock (virtual); USD a message")
        for number, outcome in enumerate(named):
            if number:
                self.console.print()
            self._story(outcome, performance.opened)
        if drawn:
            self._title(f"And {len(drawn)} more, drawn from a seed", "infra/demo/crowd.py says how")
            self.console.print(self._crowd(drawn))
        self._title("What they read", "")
        self.console.print(self._texts(named))
        self._title("What it cost", "against a blast: every message on every channel to everybody reachable")
        self.console.print(self._costs(bill))
        self.console.print(_saved(bill), soft_wrap=True)
        self._verdict(checks, took_s)

    def _title(self, text: str, note: str) -> None:
        self.console.print()
        self.console.print(Text.assemble((text, "bold green"), (f"  {note}" if note else "", "dim")))

    def _table(self, *headers: str, numbers: Sequence[str] = ()) -> Table:
        table = Table(box=self._box, show_edge=self._edge, pad_edge=False, expand=False)
        for header in headers:
            table.add_column(header, justify="right" if header in numbers else "left", overflow="fold")
        return table

    def _people(self, outcomes: Sequence[Outcome]) -> Table:
        table = self._table(
            "customer",
            "identifiers joined, by the place that gave them",
            "acts on",
            "orders",
            "spent, USD",
            numbers=("orders", "spent, USD"),
        )
        for outcome in outcomes:
            counters = outcome.profile["counters"]
            table.add_row(
                Text(outcome.person.name, style="bold"),
                _identifiers(outcome),
                ", ".join(dict.fromkeys(place for source, place in PLACES.items() if source in outcome.sources)),
                str(counters["orders"] or ""),
                f"{counters['revenue'].get('USD', 0):.0f}" if counters["orders"] else "",
            )
        return table

    def _story(self, outcome: Outcome, opened: datetime) -> None:
        self.console.print(Text.assemble((outcome.person.name, "bold green"), ("  " + outcome.person.moral, "italic")))
        table = Table.grid(padding=(0, 1))
        for width in STORY_WIDTHS[:-1]:
            table.add_column(width=width)
        table.add_column(width=STORY_WIDTHS[-1], justify="right")
        for line in lines_of(outcome, opened):
            table.add_row(*_cells(line, opened))
        self.console.print(table)

    def _crowd(self, outcomes: Sequence[Outcome]) -> Table:
        table = self._table(
            "they", "customers", "push", "e-mail", "SMS", numbers=("customers", "push", "e-mail", "SMS")
        )
        for moral in sorted({outcome.person.moral for outcome in outcomes}):
            alike = [outcome for outcome in outcomes if outcome.person.moral == moral]
            sent = Counter(message["channel"] for outcome in alike for message in outcome.messages)
            table.add_row(moral, str(len(alike)), *(str(sent[channel]) for channel in CHEAPEST_FIRST))
        return table

    def _texts(self, outcomes: Sequence[Outcome]) -> Table:
        table = Table.grid(padding=(0, 2))
        for channel in CHEAPEST_FIRST:
            message = next((m for o in outcomes for m in o.messages if m["channel"] == channel), None)
            if message:
                table.add_row(Text(NAMES[channel], style=_COLOURS[channel]), Text(_text(message)))
        return table

    def _costs(self, bill: Bill) -> Table:
        headers = ("channel", "sent", "cost", "a blast sends", "its cost", "not sent", "saved")
        table = self._table(*headers, numbers=headers[1:])
        for channel in bill.channels:
            table.add_row(*_row(channel), style=_COLOURS[channel.channel])
        table.add_section()
        table.add_row(*_row(bill.total), style="bold")
        return table

    def _verdict(self, checks: Sequence[Check], took_s: float) -> None:
        broken = [check for check in checks if not check.kept]
        self.console.print()
        for check in broken:
            self.console.print(Text.assemble(("NOT KEPT  ", "bold red"), check.promise, f"  (seen: {check.seen})"))
        word = f"{len(checks) - len(broken)} of {len(checks)}" if broken else f"all {len(checks)}"
        style = "bold red" if broken else "bold green"
        kept = f"{word} promises of this story were kept ({took_s:.0f} s). `make local` keeps a stack running to try."
        self.console.print(Text(kept, style=style))


def _identifiers(outcome: Outcome) -> str:
    places: dict[str, list[str]] = {}
    for known in outcome.profile["identifiers"]:
        source: str = known["source"]
        words = places.setdefault(PLACES.get(source, source), [])
        if (word := _word(known["type"])) not in words:
            words.append(word)
    return " · ".join(f"{place}: {', '.join(words)}" for place, words in places.items())


def _word(kind: str) -> str:
    if kind.endswith("push_token"):
        return "push"
    return _WORDS.get(kind, kind)


def _journey(performance: Performance) -> str:
    journey = performance.journey
    entry, quiet = journey["entry"], journey["quiet_hours"]
    steps = journey["steps"][0]["cascade"]["channels"]
    way = [f"{NAMES[name]}{_wait(part)}" for channel in steps for name, part in channel.items()]
    return (
        f"{entry['after']} after {entry['event']}: {' → '.join(way)}. "
        f"Ends on {journey['exit'][0]['event']} of that basket, and on any answer.\n"
        f"Quiet from {quiet['from']} to {quiet['to']} on the customer's own clock. "
        f"(The file's hold-out of {performance.holdout} is left out, to tell every story.)"
    )


def _wait(part: dict[str, Any]) -> str:
    return f" → {part['wait']}" if "wait" in part else ""


def _cells(line: Line, opened: datetime) -> tuple[Text, ...]:
    day = (line.at.date() - opened.date()).days + 1
    return (
        Text(f"{day}  {line.at:%H:%M}", style="dim"),
        Text(NAMES.get(line.place, line.place), style=_COLOURS.get(line.place, "")),
        Text(line.what, style=_STYLES[line.kind]),
        Text(line.why, style="dim" if line.kind != "withheld" else "magenta"),
        Text(line.cost),
    )


def _text(message: dict[str, Any]) -> str:
    head = f"{message['subject']} | " if message["subject"] else ""
    return head + message["body"].partition("\n")[0]


def _row(bill: ChannelBill) -> tuple[str, ...]:
    return (
        NAMES.get(bill.channel, "together"),
        str(bill.sent),
        _money(bill.cost),
        str(bill.blast_sent),
        _money(bill.blast_cost),
        str(bill.blast_sent - bill.sent),
        _money(bill.saved),
    )


def _money(amount: Decimal) -> str:
    return f"{amount:.6f}"


def _saved(bill: Bill) -> Text:
    total = bill.total
    share = total.saved / total.blast_cost * 100
    return Text.assemble(
        (f"Saved {total.saved:.2f} of {total.blast_cost:.2f} USD: {share:.0f} %. ", "bold"),
        ("Prices are what the stack reports of each message; one that was never sent\n", "dim"),
        ("is priced as that customer's own on that channel, else as the channel's usual one.", "dim"),
    )
