"""Definitions that the format's documentation shows, and ways to break them; both for the loader and its schema."""

from typing import Any

CASCADE: dict[str, Any] = {
    "cascade": {"channels": [{"push": {"template": "cart", "wait": "4h"}}, {"email": {"template": "cart"}}]}
}

CONTRACT = """
name: abandoned-cart
entry: {event: Product Added, key: properties.cart_id, after: 1h}   # no entry: started by hand, for an audience
reentry: {after: 7d}
exit: [{event: Order Completed, match: properties.cart_id}]         # ends the run at once, also inside a wait
goal: {event: Order Completed, within: 7d}
class: marketing
quiet_hours: {from: "21:00", to: "09:00", zone: recipient}
holdout: 10%
steps:
  - cascade:
      order: listed
      channels:
        - push:  {template: cart-reminder, wait: 4h}
        - email: {template: cart-reminder, wait: 20h}
        - sms:   {template: cart-reminder, budget: 500 USD}
"""

DOCUMENTED = """
name: abandoned-cart                    # a-z, 0-9, '-'; the id
title: Abandoned cart
active: true
entry:                                  # left out: started by hand, for one customer or an audience
  event: Product Added                  # a track event's name, or page / screen / identify
  where: {event: properties.total, gte: 20}
  key: properties.cart_id               # business key: one live run per (customer, key)
  after: 1h                             # start so long after the event …
  restart: true                         # … and count again when the same key's event repeats
reentry: {after: 7d, limit: 3}
exit:
  - {event: Order Completed, match: properties.cart_id}
  - {when: {segment: staff}}
goal: {event: Order Completed, match: properties.cart_id, within: 7d}
class: marketing
topic: promotions
quiet_hours: {from: "21:00", to: "09:00", zone: recipient, days: [mon, tue, wed, thu, fri, sat, sun], policy: hold}
cap: {messages: 5, per: 24h}
holdout: 10%
deadline: 3d
steps:
  - cascade:
      order: listed                       # or preferred
      answered_by: [click, tap, visit, reply, goal]
      channels:
        - push:  {template: cart, wait: 4h}
        - email: {template: cart, wait: 20h, answered_by: [delivered]}
        - sms:   {template: cart, budget: 500 USD}
  - push: {template: cart}
    if: {trait: plan, is: paid}
  - email: {template: cart, to: event.properties.receipt_email}
  - sms: {template: cart, to: delivery.phone}
  - wait: 2d
  - wait: {until: event.properties.departure_at, offset: -24h}
  - wait: {until: passport.expires_at}
  - wait: {until: "09:00", days: [mon, tue, wed, thu, fri], zone: recipient}
  - wait: {days: [sat]}
  - wait_for: {event: Paid, where: {event: properties.total, gt: 0}, match: properties.cart_id, timeout: 3d}
    then:
      - end: {reason: paid}
    otherwise:
      - push: {template: cart}
  - wait_for: {when: {trait: plan, is: paid}, timeout: 1d}
    then:
      - push: {template: cart}
  - branch:
      - if: {segment: vip}
        then: [{email: {template: cart}}]
      - if: {step: cascade-1, is: answered}
        then: [{wait: 1d}]
    otherwise: [{sms: {template: cart}}]
  - split:
      - {name: A, share: 50%, then: [{push: {template: cart}}]}
      - {name: B, share: 50%, then: [{email: {template: cart}}]}
  - digest: {event: Comment Added, key: properties.id, window: 10m}
  - update: {traits: {reminded: true}}
  - webhook: {url: "https://hooks.example.com/in", body: {kind: cart}}
  - end: {reason: enough}
"""

ENTRIES: list[dict[str, Any]] = [
    {"segment": "lapsed", "on": "enter"},
    {"segment": "lapsed", "on": "leave"},
    {"segment": "lapsed"},
    {"when": {"did": "Order Completed", "count": {"is": 0}, "within": "30d"}},
    {"schedule": "cron(0 9 ? * MON *)", "segment": "lapsed"},
    {"schedule": "rate(7 days)", "segment": "lapsed"},
    {"event": "identify"},
]

CONDITIONS: list[dict[str, Any]] = [
    {"all": [{"trait": "plan", "is": "paid"}, {"not": {"trait": "country", "in": ["PL", "DE"]}}]},
    {"any": [{"trait": "status", "is": "onboarding", "for": "7d"}, {"trait": "a.b", "exists": True}]},
    {"event": "properties.late_minutes", "gte": 15},
    {
        "did": "Order Completed",
        "where": {"event": "properties.total", "gte": 50},
        "within": "30d",
        "count": {"gte": 2},
    },
    {"did": "Order Completed", "count": {"is": 0}, "since_start": True, "match": "properties.cart_id"},
    {"segment": "vip"},
    {"consent": "email/promotions", "is": "granted"},
    {"reachable": "sms"},
    {"step": "cascade-1", "is": "answered"},
    {"now": "09:00-18:00", "zone": "recipient", "days": ["mon", "fri"]},
]

BROKEN_STEPS: list[tuple[object, str, str]] = [
    ({"push": {"template": "a"}, "email": {"template": "a"}}, "steps.0", "step"),
    ({"push": None}, "steps.0", "step"),
    ({"id": "x"}, "steps.0", "step"),
    ({"push": {}}, "steps.0.push.template", "missing"),
    ({"email": "welcome"}, "steps.0.email", "model_type"),
    ({"push": {"template": "a", "to": ""}}, "steps.0.push.to", "string_pattern_mismatch"),
    ({"sms": {"template": "a", "wait": "4h"}}, "steps.0.sms.wait", "unknown_name"),
    ({"emial": {"template": "a"}}, "steps.0.emial", "unknown_name"),
    ({"goto": "x"}, "steps.0.goto", "unknown_name"),
    ({"wait": 90}, "steps.0.wait", "duration"),
    ({"wait": {}}, "steps.0.wait", "wait"),
    ({"wait": {"until": "9:00"}}, "steps.0.wait.until", "time"),
    ({"wait": {"until": "09:00", "offset": "1h"}}, "steps.0.wait.offset", "unknown_name"),
    ({"wait": {"until": "event.properties.at", "days": ["mon"]}}, "steps.0.wait.days", "unknown_name"),
    ({"wait": {"until": "09:00", "zone": "recipient-only"}}, "steps.0.wait.zone", "zone"),
    ({"wait": {"until": "09:00", "days": ["monday"]}}, "steps.0.wait.days.0", "unknown_name"),
    ({"wait": {"until": "event.properties.at", "offset": "soon"}}, "steps.0.wait.offset", "duration"),
    ({"wait": {"until": "2026-12-24T09:00:00Z"}}, "steps.0.wait.until", "path"),
    ({"wait": "2d", "then": [{"wait": "1d"}]}, "steps.0", "step"),
    ({"branch": []}, "steps.0.branch", "too_short"),
    ({"branch": [{"then": []}]}, "steps.0.branch.0.if", "missing"),
    ({"branch": [{"if": {"trait": "a", "is": 1}}]}, "steps.0.branch.0.then", "missing"),
    (
        {"branch": [{"if": {"trait": "a", "is": 1}, "then": [], "otherwise": []}]},
        "steps.0.branch.0.otherwise",
        "unknown_name",
    ),
    ({"branch": [{"if": {"trat": "a", "is": 1}, "then": []}]}, "steps.0.branch.0.if.trat", "unknown_name"),
    ({"split": []}, "steps.0.split", "too_short"),
    ({"split": [{"name": "A", "share": "50%"}, {"name": "B", "share": "40%"}]}, "steps.0", "split"),
    ({"split": [{"name": "A", "share": "50%"}, {"name": "A", "share": "50%"}]}, "steps.0", "split"),
    ({"split": [{"name": "A", "share": 100}]}, "steps.0.split.0.share", "percent"),
    ({"wait_for": {}, "then": []}, "steps.0.wait_for", "form"),
    ({"wait_for": {"evnt": "X"}}, "steps.0.wait_for", "form"),
    ({"wait_for": None}, "steps.0", "step"),
    ({"wait_for": {"event": "X", "when": {"segment": "vip"}}}, "steps.0.wait_for.when", "unknown_name"),
    ({"wait_for": {"event": "X", "timeout": "0s"}}, "steps.0.wait_for.timeout", "duration"),
    (
        {"wait_for": {"event": "X", "where": {"trait": "a", "is": 1}}},
        "steps.0.wait_for.where.trait",
        "unknown_name",
    ),
    ({"wait_for": {"event": "X"}, "then": [{"push": {}}]}, "steps.0.then.0.push.template", "missing"),
    ({"digest": {"event": "X"}}, "steps.0.digest.window", "missing"),
    ({"update": {"traits": {}}}, "steps.0.update.traits", "too_short"),
    ({"webhook": {"url": "http://hooks.example.com"}}, "steps.0.webhook.url", "url"),
    ({"webhook": {"url": "https://me@hooks.example.com"}}, "steps.0.webhook.url", "url"),
    ({"webhook": {"url": "https://hooks.example.com:22/"}}, "steps.0.webhook.url", "url"),
    ({"webhook": {"url": "https:///in"}}, "steps.0.webhook.url", "url"),
    ({"webhook": {"url": "https://[::1"}}, "steps.0.webhook.url", "url"),
    ({"cascade": {"channels": []}}, "steps.0.cascade.channels", "too_short"),
    ({"cascade": {"channels": [{"email": {"template": "a"}, "push": None}]}}, "steps.0.cascade.channels.0", "channel"),
    (
        {"cascade": {"channels": [{"push": {"template": "a"}}, {"push": {"template": "b"}}]}},
        "steps.0.cascade",
        "duplicate_channel",
    ),
    (
        {"cascade": {"channels": [{"email": {"template": "a", "answered_by": ["open"]}}]}},
        "steps.0.cascade.channels.0",
        "answered_by",
    ),
    (
        {"cascade": {"answered_by": ["open"], "channels": [{"sms": {"template": "a"}}]}},
        "steps.0.cascade",
        "answered_by",
    ),
    (
        {"cascade": {"channels": [{"sms": {"template": "a", "budget": 500}}]}},
        "steps.0.cascade.channels.0.sms.budget",
        "money",
    ),
    ("end", "steps.0", "model_type"),
]

BROKEN_PARTS: list[tuple[dict[str, Any], str, str]] = [
    ({"entry": {}}, "entry", "form"),
    ({"entry": "Signed Up"}, "entry", "form"),
    ({"entry": {"evnt": "Signed Up"}}, "entry", "form"),
    ({"entry": {"event": "X", "segment": "vip"}}, "entry.segment", "unknown_name"),
    ({"entry": {"event": "X", "where": {"step": "a", "is": "sent"}}}, "entry.where.step", "unknown_name"),
    ({"entry": {"segment": "Lapsed!"}}, "entry.segment", "string_pattern_mismatch"),
    ({"entry": {"segment": "lapsed", "on": "exit"}}, "entry.on", "unknown_name"),
    ({"entry": {"when": {}}}, "entry.when", "condition"),
    ({"entry": {"when": {"event": "properties.x", "is": 1}}}, "entry.when.event", "unknown_name"),
    ({"entry": {"schedule": "cron(0 9 * * MON *)", "segment": "vip"}}, "entry.schedule", "schedule"),
    ({"entry": {"schedule": "rate(0 days)", "segment": "vip"}}, "entry.schedule", "schedule"),
    ({"entry": {"schedule": "rate(1 day)"}}, "entry.segment", "missing"),
    ({"exit": [{"segment": "staff"}]}, "exit.0.segment", "unknown_name"),
    ({"exit": [{"when": {"segment": "staff"}, "match": "a"}]}, "exit.0.match", "unknown_name"),
    ({"exit": [{"when": {"step": "nowhere", "is": "sent"}}]}, "exit.0.when.step", "unknown_name"),
    ({"goal": {"when": {"segment": "staff"}}}, "goal.when", "unknown_name"),
    ({"cap": {"messages": 0, "per": "24h"}}, "cap.messages", "greater_than_equal"),
    ({"cap": {"messages": 5}}, "cap.per", "missing"),
    ({"reentry": "sometimes"}, "reentry", "reentry"),
    ({"reentry": {"limit": 0}}, "reentry.limit", "greater_than_equal"),
    ({"steps": []}, "steps", "too_short"),
    ({"name": "a" * 41}, "name", "string_pattern_mismatch"),
    ({"active": "yes"}, "active", "bool_type"),
    ({"quiet_hours": {"from": "21:00", "to": "09:00", "days": []}}, "quiet_hours.days", "too_short"),
    ({"holdout": "110%"}, "holdout", "percent"),
]


def with_step(*steps: Any) -> dict[str, Any]:
    """A definition of these steps."""
    return {"name": "j", "steps": list(steps)}


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    """A definition of the reference cascade with other parts."""
    return {"name": "j", "steps": [CASCADE], **part}
