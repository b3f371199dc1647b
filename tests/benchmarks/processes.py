"""CPU time, which a busy machine does not stretch as it does wall time: of this process, and of fresh ones."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from omnicascade.contracts import Env

ROOT: Final = Path(__file__).resolve().parents[2]

type Progress = Callable[[str], None]
"""Told what is being measured; goes to standard error."""

FUNCTION_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": os.defpath,
    "TZ": ":UTC",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared' / 'python'}",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_SESSION_TOKEN": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "omnicascade",
    "POWERTOOLS_METRICS_NAMESPACE": "omnicascade",
    Env.TABLE: "bench",
    Env.EVENTS_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/000000000000/bench",
    Env.ARCHIVE_BUCKET: "bench",
    Env.STATE_MACHINE_ARN: "arn:aws:states:eu-central-1:000000000000:stateMachine:bench",
    Env.PUBLIC_URL: "https://bench.example",
    Env.SIGNING_SECRET_ARN: "arn:aws:secretsmanager:eu-central-1:000000000000:secret:bench",
    Env.EMAIL_FROM: "Bench <bench@example.com>",
    Env.SES_CONFIGURATION_SET: "bench",
    Env.SMS_SENDER_ID: "BENCH",
    Env.SMS_MAX_PRICE_USD: "0.20",
    Env.SMS_DELIVERY_ROLE_ARN: "arn:aws:iam::000000000000:role/bench",
    Env.PUSH_APPLICATION_ID: "bench",
}
"""What Lambda gives a function, with values that nothing answers to."""


class BenchmarkFaultError(RuntimeError):
    """A benchmark could not measure; the message says what went wrong."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took, in seconds."""

    cpu: float
    wall: float


def fresh_process(arguments: Sequence[str], environment: Mapping[str, str]) -> Spent:
    """Run `python …` to its end in the repository; its own user and system time, by `wait4`.

    Raises:
        BenchmarkFaultError: it did not end with 0.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkFaultError(f"python {' '.join(arguments)[:200]} failed:\n{said.strip()}")
    return Spent(usage.ru_utime + usage.ru_stime, wall)


def apart[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a module's function in a process of its own, whose imports and environment touch nothing here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


def become_a_function() -> None:
    """Give this process a function's environment; call it before the layer is imported, in a process `apart`."""
    os.environ.update(FUNCTION_ENVIRONMENT)


def cpu_per_item[T](work: Callable[[T], object], given: Sequence[T], *, per: int | None = None) -> float:
    """Microseconds of CPU that `work` takes for one element, or for one of the `per` things it was given in all."""
    gc.collect()
    started = time.process_time()
    for one in given:
        work(one)
    return (time.process_time() - started) / (per or len(given)) * 1e6
