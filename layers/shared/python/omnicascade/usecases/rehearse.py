"""Rehearse a journey for one customer: nothing is stored, nobody is written to, and no clock is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import DEFAULT_PRICES, Channel, Deployment, Price
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import NotFoundError, Problem, RenderError, UnacceptableError
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import Journey, ScheduleEntry, SegmentEntry
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.json_text import mapping
from omnicascade.domain.links import CODE_LENGTH
from omnicascade.domain.offers import offer_over
from omnicascade.domain.profile import Profile
from omnicascade.domain.rehearsal.reading import SCENARIO_KEYS, read_scenario, refusal, unknown_keys
from omnicascade.domain.rehearsal.report import report
from omnicascade.domain.rehearsal.settings import overridden
from omnicascade.domain.rehearsal.stage import Quote, Stage
from omnicascade.domain.rehearsal.world import rehearse
from omnicascade.domain.sms import price_of_sms
from omnicascade.domain.template_definition import load_template
from omnicascade.domain.templates import Template
from omnicascade.usecases.manage_journeys import TemplateShelf
from omnicascade.usecases.store_ports import JourneyStore
from omnicascade.usecases.write_message import Renderer

KEYS: Final = (*SCENARIO_KEYS, "definition", "templates", "config")

ACCEPTED: Final = "accepted by the provider"
_LINK: Final = "https://example.com/l/"
_WAY_OUT: Final = "https://example.com/u/rehearsal"
"""As long as a real link's address would be or shorter: a text message's parts are counted with it."""


@dataclass(frozen=True, slots=True)
class RehearsalDesk:
    """Everything that a rehearsal reads."""

    journeys: JourneyStore
    templates: TemplateShelf
    renderer: Renderer

    def simulate(self, name: str, body: object, now: datetime) -> dict[str, Any]:
        """Rehearse a stored journey, or the `definition` that is given instead.

        Args:
            name: the journey's.
            body: the rehearsal as `journeys.md` describes it.
            now: when it starts, unless it says so.

        Raises:
            NotFoundError: no such journey, and no definition.
            UnacceptableError: `problems` lists everything that is wrong with the definition, templates, settings or
                the scenario, by path.
        """
        given = mapping(body)
        if given is not body:
            raise refusal([Problem("", "wrong_type", "expected a mapping with `events`, `enter` or `profile`")])
        problems = unknown_keys(given, KEYS, "")
        if problems:
            raise refusal(problems)
        deployment = overridden(self.journeys.deployment(), given.get("config"))
        written = written_templates(given.get("templates"))
        journey = self._journey(name, given, deployment, written)
        scenario = read_scenario(given, now)
        quotes = Quotes(journey, deployment, self.renderer, self.templates, written)
        played = rehearse(Stage(replace(journey, active=True), deployment, quotes), scenario)
        told = report(replace(played, warnings=(*_warnings(journey, deployment), *played.warnings)), scenario.start)
        return told | {"journey": journey.name, "version": journey.version}

    def _journey(
        self, name: str, given: Mapping[str, Any], deployment: Deployment, written: Mapping[str, Template]
    ) -> Journey:
        if given.get("definition") is None:
            journey = self.journeys.journey(name)
            if journey is None:
                remedy = "give its `definition` to rehearse one that is not stored"
                raise NotFoundError(f"there is no journey {name}; {remedy}")
            return journey
        stored = {template.name for template in self.templates.templates()}
        return journey_of(
            name, given["definition"], deployment, {*stored, *written}, by_hand=given.get("enter") is not None
        )


def journey_of(
    name: str, definition: object, deployment: Deployment, templates: Collection[str], *, by_hand: bool = False
) -> Journey:
    """The journey of a definition that is rehearsed before it is stored.

    Args:
        name: for a definition that says none.
        definition: a mapping, or YAML or JSON text.
        deployment: whose segments and currency it may name. Which hosts it calls is judged when it does.
        templates: those there are.
        by_hand: somebody starts the run, so the segment of the entry need not be known yet.

    Raises:
        UnacceptableError: as for one that is stored; the paths begin with `definition`.
    """
    source = definition if isinstance(definition, str) else mapping(definition)
    if source is not definition:
        raise refusal([Problem("definition", "wrong_type", "expected a mapping such as {entry: …, steps: […]}")])
    try:
        document = {"name": name, **read_document(source)}
        segments = {*deployment.segments, *(_entry_segment(document) if by_hand else ())}
        currency = deployment.default_currency
        return load_definition(document, templates=templates, segments=segments, currency=currency)
    except UnacceptableError as error:
        found = error.problems or (Problem(error.path or "", error.code, error.message),)
        raise refusal([replace(p, path=f"definition.{p.path}".rstrip(".")) for p in found]) from error


def _entry_segment(document: Mapping[str, Any]) -> Collection[str]:
    segment = mapping(document.get("entry")).get("segment")
    return [segment] if isinstance(segment, str) else []


def written_templates(given: object) -> dict[str, Template]:
    """Templates by name, as they are put; a bare text is one that says the same everywhere."""
    if given is None:
        return {}
    if mapping(given) is not given:
        raise refusal([Problem("templates", "wrong_type", "expected templates by name")])
    found: dict[str, Template] = {}
    problems: list[Problem] = []
    for name, said in mapping(given).items():
        written: Mapping[str, Any] = {"text": said} if isinstance(said, str) else mapping(said)
        if written is not said and not isinstance(said, str):
            problems.append(
                Problem(f"templates.{name}", "wrong_type", f"expected a mapping such as {{text: …}}, not {said!r}")
            )
            continue
        try:
            found[name] = load_template({"name": name, **written})
        except UnacceptableError as error:
            nested = error.problems or (Problem("", error.code, error.message),)
            problems += [replace(p, path=f"templates.{name}.{p.path}".rstrip(".")) for p in nested]
    if problems:
        raise refusal(problems)
    return found


def _warnings(journey: Journey, deployment: Deployment) -> list[str]:
    warnings = [] if journey.active else [f"{journey.name} is not active: until it is, nobody enters"]
    entry = journey.entry
    if (
        isinstance(entry, SegmentEntry | ScheduleEntry)
        and journey.own_segment is None
        and entry.segment not in deployment.segments
    ):
        warnings.append(f"there is no segment {entry.segment}: only `enter` starts runs")
    return warnings


@dataclass(slots=True)
class Quotes:
    """Prices messages as the sender would: written for this customer, in the words of their template.

    A template that says the same to everybody is written once for each channel.
    """

    journey: Journey
    deployment: Deployment
    renderer: Renderer
    shelf: TemplateShelf
    written: Mapping[str, Template]
    _known: dict[str, Template | None] = field(default_factory=dict[str, Template | None])
    _same: dict[tuple[str, Channel], str] = field(default_factory=dict[tuple[str, Channel], str])

    def __call__(self, send: Send, run: Run, profile: Profile) -> Quote:
        """What would become of one message."""
        text = self._same.get((send.template, send.channel))
        if text is None:
            template = self._template(send.template)
            if template is None:
                return Quote("failed", f"there is no template {send.template}")
            claimed = run.entry_of(send.message_id)
            over = claimed and offer_over(
                template.valid_until, entry=run.entry, traits=profile.traits, now=claimed.claimed_at
            )
            if over:
                return Quote("refused", over)
            try:
                text = self._text(template, send, run, profile)
            except RenderError as error:
                return Quote("failed", str(error))
            if template.valid_until is None and _says_the_same(template):
                self._same[send.template, send.channel] = text
        return Quote("sent", ACCEPTED, self._price(send, text), text)

    def _template(self, name: str) -> Template | None:
        if name in self.written:
            return self.written[name]
        if name not in self._known:
            self._known[name] = self.shelf.template(name)
        return self._known[name]

    def _text(self, template: Template, send: Send, run: Run, profile: Profile) -> str:
        message: dict[str, str | None] = {"id": send.message_id}
        context: dict[str, Any] = {
            "profile": {
                "traits": profile.traits,
                "identifiers": {k.identifier.type: k.identifier.value for k in reversed(profile.identifiers)},
            },
            "entry": run.entry or {},
            "digest": {"events": list(run.digest)},
            "journey": {"name": self.journey.name, "title": self.journey.title},
            "step": {"id": send.step},
            "message": message,
            "links": {"unsubscribe": _WAY_OUT if send.channel is Channel.EMAIL else None},
        }
        target = self.renderer.target(template, send.channel, context)
        if target and send.channel is not Channel.PUSH:
            target = f"{_LINK}{'0' * CODE_LENGTH}"
        message["url"] = target
        return self.renderer.render(template, send.channel, context, footer=not self.journey.transactional).text

    def _price(self, send: Send, text: str) -> Price:
        if send.channel is Channel.SMS:
            return price_of_sms(text, send.address.value, self.deployment.prices)
        return self.deployment.prices.get(send.channel, DEFAULT_PRICES[send.channel])


def _says_the_same(template: Template) -> bool:
    return not any("{{" in source or "{%" in source for _, source in template.sources())
