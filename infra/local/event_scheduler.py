"""EventBridge Scheduler on virtual time: the template's schedules, and those that functions make through the SDK.

Every schedule that is on has one timer of the stack's scheduler, set for its next moment. AWS promises a call within a
minute of that moment; here it comes at it, exactly, so that runs can be repeated. Flexible time windows are accepted
and not used. A target is a function, a queue or a state machine.

Source: Amazon EventBridge Scheduler API reference and user guide, 2026-11-22.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from infra.local.gateway import Answer, Call
from infra.local.schedule_expressions import Expression, ExpressionError, read_expression
from infra.local.scheduler import Scheduler, Timer

type Reach = Callable[[str, Any], None]
"""Hands an input (anything JSON) to the target of an ARN."""

DEFAULT_GROUP: Final = "default"
_TIME: Final = "<aws.scheduler.scheduled-time>"
_STATUS: Final = {"ConflictException": 409, "ResourceNotFoundException": 404}


class ScheduleError(Exception):
    """A call that is refused; `code` is the AWS error's name."""

    def __init__(self, code: str, message: str) -> None:
        """Carry the AWS error `code` and its text."""
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class _Schedule:
    properties: dict[str, Any]
    expression: Expression
    created: datetime
    timer: Timer | None = None
    fired: list[datetime] = field(default_factory=list[datetime])


class EventScheduler:
    """All schedules of the stack."""

    def __init__(self, scheduler: Scheduler, reach: Reach, *, region: str, account: str) -> None:
        """No schedule exists yet; there is the default group."""
        self._scheduler = scheduler
        self._reach = reach
        self._prefix = f"arn:aws:scheduler:{region}:{account}"
        self._groups = {DEFAULT_GROUP}
        self._schedules: dict[tuple[str, str], _Schedule] = {}

    def create_group(self, name: str) -> str:
        """Make a group; its ARN."""
        self._groups.add(name)
        return f"{self._prefix}:schedule-group/{name}"

    def create(self, properties: Mapping[str, Any]) -> str:
        """Make a schedule from what the API and CloudFormation call it; its ARN.

        Raises:
            ScheduleError: ConflictException, ResourceNotFoundException (no such group) or ValidationException.
        """
        group, name = properties.get("GroupName", DEFAULT_GROUP), properties["Name"]
        if group not in self._groups:
            raise ScheduleError("ResourceNotFoundException", f"Schedule group {group} does not exist.")
        if (group, name) in self._schedules:
            raise ScheduleError("ConflictException", f"Schedule {name} already exists.")
        return self._put(group, name, properties)

    def fired(self, name: str, group: str = DEFAULT_GROUP) -> list[datetime]:
        """The moments at which a schedule came round so far; none for one that is gone."""
        schedule = self._schedules.get((group, name))
        return list(schedule.fired) if schedule else []

    def names(self, group: str = DEFAULT_GROUP) -> list[str]:
        """The schedules of a group."""
        return sorted(name for owner, name in self._schedules if owner == group)

    def answer(self, call: Call) -> Answer:
        """Answer one API call."""
        operations: Mapping[str, Callable[[Call], Any]] = {
            "CreateSchedule": self._create,
            "DeleteSchedule": self._delete,
            "GetSchedule": self._get,
            "ListSchedules": self._list,
            "UpdateSchedule": self._update,
        }
        if call.operation not in operations:
            return Answer.error("UnknownOperationException", f"the embedded stack does not serve {call.operation}")
        try:
            return Answer.of(operations[call.operation](call))
        except ScheduleError as refusal:
            return Answer.error(refusal.code, str(refusal), _STATUS.get(refusal.code, 400))

    def _create(self, call: Call) -> Any:
        return {"ScheduleArn": self.create({**call.json(), "Name": _name(call)})}

    def _update(self, call: Call) -> Any:
        properties = call.json()
        group, name = properties.get("GroupName", DEFAULT_GROUP), _name(call)
        self._found(group, name)
        return {"ScheduleArn": self._put(group, name, {**properties, "Name": name})}

    def _delete(self, call: Call) -> Any:
        group, name = _group(call), _name(call)
        self._stop(self._found(group, name))
        del self._schedules[group, name]
        return {}

    def _get(self, call: Call) -> Any:
        group, name = _group(call), _name(call)
        schedule = self._found(group, name)
        created = schedule.created.timestamp()
        more = {"Arn": self._arn(group, name), "CreationDate": created, "LastModificationDate": created}
        return {"State": "ENABLED", "GroupName": group, **schedule.properties, **more}

    def _list(self, call: Call) -> Any:
        query = parse_qs(call.query)
        group, prefix = query.get("ScheduleGroup", [None])[0], query.get("NamePrefix", [""])[0]
        return {
            "Schedules": [
                {"Arn": self._arn(owner, name), "GroupName": owner, "Name": name}
                for owner, name in sorted(self._schedules)
                if group in (None, owner) and name.startswith(prefix)
            ]
        }

    def _found(self, group: str, name: str) -> _Schedule:
        schedule = self._schedules.get((group, name))
        if schedule is None:
            raise ScheduleError("ResourceNotFoundException", f"Schedule {name} does not exist.")
        return schedule

    def _arn(self, group: str, name: str) -> str:
        return f"{self._prefix}:schedule/{group}/{name}"

    def _put(self, group: str, name: str, properties: Mapping[str, Any]) -> str:
        try:
            zone = properties.get("ScheduleExpressionTimezone", "UTC")
            expression = read_expression(properties["ScheduleExpression"], zone)
        except ExpressionError as error:
            raise ScheduleError("ValidationException", str(error)) from error
        before = self._schedules.get((group, name))
        if before:
            self._stop(before)
        schedule = _Schedule(dict(properties), expression, self._now())
        self._schedules[group, name] = schedule
        start = schedule.created if expression.once else max(schedule.created, _moment(properties, "StartDate"))
        self._set(group, name, schedule, expression.first(start))
        return self._arn(group, name)

    def _now(self) -> datetime:
        return self._scheduler.clock.now()

    def _stop(self, schedule: _Schedule) -> None:
        if schedule.timer:
            schedule.timer.cancel()

    def _set(self, group: str, name: str, schedule: _Schedule, moment: datetime | None) -> None:
        """Wait for the next moment, or, behind the last one, do what was wished for then."""
        properties = schedule.properties
        over = not schedule.expression.once and moment is not None and _over(properties, moment)
        if moment is None or over:
            if properties.get("ActionAfterCompletion") == "DELETE":
                self._schedules.pop((group, name), None)
        elif properties.get("State", "ENABLED") == "ENABLED":
            schedule.timer = self._scheduler.at(moment, lambda: self._fire(group, name, schedule, moment))

    def _fire(self, group: str, name: str, schedule: _Schedule, moment: datetime) -> None:
        schedule.fired.append(moment)
        target = schedule.properties["Target"]
        said = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._reach(target["Arn"], json.loads(target.get("Input", "{}").replace(_TIME, said)))
        self._set(group, name, schedule, schedule.expression.following(moment))


def _name(call: Call) -> str:
    return unquote(call.path.rpartition("/")[2])


def _group(call: Call) -> str:
    return parse_qs(call.query).get("groupName", [DEFAULT_GROUP])[0]


def _moment(properties: Mapping[str, Any], key: str) -> datetime:
    given = properties.get(key)
    if given is None:
        return datetime.min.replace(tzinfo=UTC)
    if isinstance(given, int | float):
        return datetime.fromtimestamp(given, UTC)
    return datetime.fromisoformat(given)


def _over(properties: Mapping[str, Any], moment: datetime) -> bool:
    return "EndDate" in properties and moment > _moment(properties, "EndDate")
