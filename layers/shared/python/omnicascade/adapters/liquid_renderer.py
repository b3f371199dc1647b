"""Liquid, fenced in: the only module that imports the template language.

Customers' data are hostile input. HTML fields escape every value and have no way to switch that off; templates cannot
load other templates, read the clock or run for ever. A variable that is not there is an error unless the template says
what to do without it (`default`, `if`), because "Dear ," is worse than no message.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from liquid import BoundTemplate, Environment, FalsyStrictUndefined
from liquid.builtin.filters.misc import date
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import with_environment

from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import Problem, RenderError, UnacceptableError
from omnicascade.domain.mail_body import html_of, text_of, with_way_out
from omnicascade.domain.sms import MAX_CHARACTERS
from omnicascade.domain.templates import RenderedMessage, Template

CONTEXT: Final = ("profile", "entry", "digest", "journey", "step", "message", "links")
"""What a template can speak of; any other variable is a spelling mistake and found when the template is loaded."""

_FAULTS_OF_DATA: Final = (LiquidError, ArithmeticError, LookupError, TypeError, ValueError)
"""What a filter may raise on a value it did not expect; one customer's odd trait must not look like a crash."""


class _Fenced(Environment):
    """Limits that no honest message reaches."""

    loop_iteration_limit = 10_000
    local_namespace_limit = 500_000
    output_stream_limit = 500_000


@with_environment
def _date(value: Any, form: str, *, environment: Environment) -> str:
    """Liquid's `date`, without its clock, so that a rehearsal says what the real run will, and strict about its
    input."""
    text = str(value)
    if text in {"now", "today"}:
        raise FilterArgumentError("a template cannot read the clock", token=None)
    return date(value, form, environment=environment)


def _environment(*, autoescape: bool) -> Environment:
    environment = _Fenced(undefined=FalsyStrictUndefined, autoescape=autoescape)
    for tag in ("include", "render"):
        del environment.tags[tag]
    del environment.filters["safe"]
    environment.add_filter("date", _date)
    return environment


_HTML: Final = _environment(autoescape=True)
_TEXT: Final = _environment(autoescape=False)


@lru_cache(maxsize=512)
def _parsed(source: str, *, html: bool) -> BoundTemplate:
    return (_HTML if html else _TEXT).from_string(source)


class LiquidRenderer:
    """Renders templates. The context is a mapping with the names in `CONTEXT`.

    Shapes: profile {traits, identifiers}, entry {properties, context}, digest {events}, journey {name}, step {id},
    message {id, url}, links {unsubscribe}; all plain JSON values.
    """

    def check(self, template: Template) -> None:
        """Parse every field once, when the template is stored.

        Raises:
            UnacceptableError: every syntax error, unknown filter and unknown variable, with its field.
        """
        problems = [problem for path, source in template.sources() for problem in _problems(path, source)]
        if problems:
            raise UnacceptableError(f"template {template.name} is not valid Liquid", problems=problems)

    def target(self, template: Template, channel: Channel, context: Mapping[str, Any]) -> str | None:
        """Where the message leads before any click tracking, or None. The caller makes `message.url` of it.

        Raises:
            RenderError: the address needs a value this customer does not have.
        """
        return _Copy(template, channel, context).line("url") or None

    def render(
        self, template: Template, channel: Channel, context: Mapping[str, Any], *, footer: bool = True
    ) -> RenderedMessage:
        """One customer's copy for one channel.

        What a template leaves out is made from what it says: a push title from the subject, an e-mail's subject from
        the title or the text's first line, its HTML from the text and the other way round. An SMS ends with the address
        it leads to. Where the context has `links.unsubscribe`, an e-mail always shows it, in a footer if the template
        does not; without `footer` only the template decides. `url` is the context's `message.url`, else the target.

        Raises:
            RenderError: names the template, the field and the variable; surely nothing was sent.
        """
        message = {**context.get("message", {})}
        message["url"] = message.get("url") or self.target(template, channel, context)
        copy = _Copy(template, channel, {**context, "message": message})
        match channel:
            case Channel.PUSH:
                return _push(copy, message["url"])
            case Channel.SMS:
                return _sms(copy, message["url"])
            case Channel.EMAIL:
                way_out = context.get("links", {}).get("unsubscribe") if footer else None
                return _email(copy, message["url"], way_out)


class _Copy:
    """The fields of one template, for one channel and one customer."""

    def __init__(self, template: Template, channel: Channel, context: Mapping[str, Any]) -> None:
        self._template = template
        self._channel = channel
        self._context = _without_nulls(context)

    def field(self, name: str) -> str:
        """A field rendered; empty when the template does not have it."""
        source = self._template.source(self._channel, name)
        if source is None:
            return ""
        try:
            return str(_parsed(source, html=name == "html").render(self._context)).strip()
        except _FAULTS_OF_DATA as error:
            raise self.fault(name, _sentence(error)) from error

    def line(self, name: str) -> str:
        """A field rendered into one line: a line break in a subject would be a forged header."""
        return " ".join(self.field(name).split())

    def needed(self, name: str) -> str:
        """A field without which there is no message."""
        return self.field(name) or self._raise(name, f"there is no {name} to send")

    def fault(self, name: str, why: str) -> RenderError:
        """The error that says where and why."""
        place = f"{self._channel}.{name}"
        return RenderError(
            f"template {self._template.name}, field {place}: {why}", template=self._template.name, field=place
        )

    def _raise(self, name: str, why: str) -> str:
        raise self.fault(name, why)


def _push(copy: _Copy, url: str | None) -> RenderedMessage:
    title = copy.line("title") or copy.line("subject")
    return RenderedMessage(subject="", title=title, text=copy.needed("text"), html="", url=url)


def _sms(copy: _Copy, url: str | None) -> RenderedMessage:
    text = copy.needed("text")
    if url and url not in text:
        text = f"{text} {url}"
    if len(text) > MAX_CHARACTERS:
        raise copy.fault("text", f"{len(text)} characters; an SMS takes at most {MAX_CHARACTERS}")
    return RenderedMessage(subject="", title="", text=text, html="", url=url)


def _email(copy: _Copy, url: str | None, unsubscribe: str | None) -> RenderedMessage:
    html, text = copy.field("html"), copy.field("text")
    if not html:
        text = text or copy.needed("text")
        html = html_of(text if not url or url in text else f"{text}\n\n{url}")
    text = text or text_of(html)
    if url and url not in text:
        text = f"{text}\n\n{url}"
    subject = copy.line("subject") or copy.line("title") or next(iter(text.splitlines()), "")[:150].strip()
    if not subject:
        raise copy.fault("subject", "there is neither a subject nor a title nor a text to take one from")
    if unsubscribe:
        html, text = with_way_out(html, text, unsubscribe)
    return RenderedMessage(subject=subject, title="", text=text, html=html, url=url)


def _problems(path: str, source: str) -> Iterable[Problem]:
    try:
        parsed = _parsed(source, html=path.endswith("html"))
    except LiquidError as error:
        yield Problem(path, "liquid_syntax", _sentence(error))
        return
    analysis = parsed.analyze()
    for name in sorted(set(analysis.filters) - set(_TEXT.filters)):
        yield Problem(path, "unknown_filter", f"unknown filter `{name}`{_nearest(name, _TEXT.filters)}")
    for name in sorted(set(analysis.globals) - set(CONTEXT)):
        yield Problem(path, "unknown_variable", f"unknown variable `{name}`{_nearest(name, CONTEXT)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, tuple(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _sentence(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _without_nulls(value: Any) -> Any:
    """A trait that is null is as good as not there: both must meet `default`."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
