"""The error tree: one class per decision a caller can take.

OmnicascadeError                 retryable: whether the same call may succeed later
├── InvalidInputError            the caller's fault; carries code, message and path (HTTP 4xx)
│   ├── MalformedBodyError       400  not the JSON that was promised
│   ├── UnknownKeyError          401  no source has this write key
│   ├── NotFoundError            404
│   ├── ConflictError            409
│   ├── PreconditionFailedError  412  what the caller had read has changed since
│   ├── TooLargeError            413
│   └── UnacceptableError        422  understood, but not valid; may list several problems
├── UnavailableError             503  a service throttled or failed; retry
├── StaleWriteError              another writer was first; reload and decide again
├── BudgetSpentError             a month's budget has less left than a message costs: go on without it
└── SendError                    a provider did not take a message
    ├── RetryableSendError       surely not sent; try again later
    ├── PermanentAddressError    this address will never work; suppress it and go on at once
    ├── UnknownOutcomeError      may have been sent; recorded, never blindly repeated
    ├── ChannelUnavailableError  surely not sent, and the fault is ours (configuration, spend limit): go on, raise alarm
    └── RenderError              template and data make no message that this channel can carry: go on, raise alarm
"""

from collections.abc import Sequence
from dataclasses import dataclass


class OmnicascadeError(Exception):
    """Root of all errors raised on purpose."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (dotted path), a stable code, and a sentence with the remedy."""

    path: str
    code: str
    message: str


class InvalidInputError(OmnicascadeError):
    """Input that the caller must change; becomes a 4xx answer."""

    status = 400
    code = "invalid"

    def __init__(
        self, message: str, *, code: str | None = None, path: str | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.path = path
        self.problems = tuple(problems)


class MalformedBodyError(InvalidInputError):
    """The body is not the JSON that was promised."""

    code = "malformed_body"


class UnknownKeyError(InvalidInputError):
    """No source has this write key, or the staff credential is missing."""

    status = 401
    code = "unknown_key"


class NotFoundError(InvalidInputError):
    """Nothing is stored under this name."""

    status = 404
    code = "not_found"


class ConflictError(InvalidInputError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"


class PreconditionFailedError(InvalidInputError):
    """What the caller had read has changed since; read it again and decide again."""

    status = 412
    code = "precondition_failed"


class TooLargeError(InvalidInputError):
    """A documented limit is passed."""

    status = 413
    code = "too_large"


class UnacceptableError(InvalidInputError):
    """Well-formed but not valid; `problems` lists everything that is wrong."""

    status = 422
    code = "unacceptable"


class UnavailableError(OmnicascadeError):
    """A service we depend on throttled or failed; the same call may succeed later."""

    retryable = True


class StaleWriteError(OmnicascadeError):
    """The item changed since it was read; reload it and decide again."""

    retryable = True


class BudgetSpentError(OmnicascadeError):
    """A budget of a journey, channel and month has less left than the message at hand costs."""


class SendError(OmnicascadeError):
    """A provider did not confirm a message."""


class RetryableSendError(SendError):
    """Surely not sent (throttled, connection refused); may be tried again."""

    retryable = True


class PermanentAddressError(SendError):
    """The address is dead: suppress it, and go on down the cascade at once."""


class UnknownOutcomeError(SendError):
    """The provider may or may not have sent it; never repeat it blindly."""


class ChannelUnavailableError(SendError):
    """The channel serves nobody now: a sender not verified, a sandbox, a permission, a spend limit, a refused content.

    Surely not sent, and a repetition would not help. The address is innocent and must not be suppressed; the cascade
    goes on at once, and whoever runs the deployment must hear of it.
    """


class RenderError(SendError):
    """A template does not make a message of this customer's data; surely not sent.

    Attributes:
        template: the template's name.
        field: the template's field, for example `email.subject`.
    """

    def __init__(self, message: str, *, template: str = "", field: str = "") -> None:
        super().__init__(message)
        self.template = template
        self.field = field
