"""The build of the shared layer: our package and its dependencies, for arm64, without Docker.

`uv` fetches the arm64 wheels that `requirements.layer.lock` pins by hash; then what no function reads is dropped and
the rest is compiled. boto3 and botocore are not in it: they come with the Lambda runtime.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aws_cdk as cdk
import jsii

from infra.bytecode import compile_tree
from infra.function_code import ROOT

LOCK: Final = ROOT / "requirements.layer.lock"
PACKAGE: Final = ROOT / "layers" / "shared" / "python" / "omnicascade"
PLATFORM: Final = "aarch64-manylinux2014"
PYTHON: Final = "3.13"

_LEFT_OUT_OF_PACKAGE: Final = ("__pycache__", "cli")
_UNUSED_UTILITIES: Final = (
    "auth_alpha",
    "batch",
    "circuit_breaker",
    "data_classes",
    "data_masking",
    "feature_flags",
    "idempotency",
    "kafka",
    "parameters",
    "parser",
    "streaming",
)
_DROPPED: Final = (
    "bin",
    ".lock",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/*.c",
    "**/py.typed",
    # 30 MB for Liquid's currency and localised date filters, which the renderer doesn't switch on.
    "babel/locale-data",
    # The C parser: ours is the safe loader in Python, and PyYAML does without.
    "_yaml",
    "yaml/_yaml*",
    # Emergency and short codes by country, read by phonenumbers.shortnumberinfo only, one by one.
    "phonenumbers/shortdata/region_*.py",
    # The previous generation of pydantic, for programs that still import it by name.
    "pydantic/v1",
    "dateutil/zoneinfo/*.tar.gz",
    # Of Powertools the functions use the logger: routes are the gateway's, and batches are told apart by ourselves.
    "aws_lambda_powertools/event_handler",
    *(f"aws_lambda_powertools/utilities/{name}" for name in _UNUSED_UTILITIES),
)
"""Paths in the layer that no function reads. pytz's time zones stay: see ZONES in platform_function.py."""
_KEPT_OF_DIST_INFO: Final = ("METADATA",)
"""`importlib.metadata` reads it; the rest of a dist-info folder serves installers."""


class LayerBuildError(RuntimeError):
    """The layer's dependencies could not be installed; the message carries uv's own words."""


def layer_hash() -> str:
    """A hash of everything that decides the layer's content: lock, package, and the code that builds it."""
    digest = hashlib.sha256()
    for path in (LOCK, Path(__file__), ROOT / "infra" / "bytecode.py", *_package_files()):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _package_files() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and not set(path.relative_to(PACKAGE).parts) & set(_LEFT_OUT_OF_PACKAGE):
            yield path


def build_layer(output: Path) -> None:
    """Fill `output` with the layer: everything lies under `python/`, as Lambda expects.

    Raises:
        LayerBuildError: uv could not install the dependencies, for example offline with a cold cache.
    """
    target = output / "python"
    _install(target)
    shutil.copytree(PACKAGE, target / PACKAGE.name, ignore=shutil.ignore_patterns(*_LEFT_OUT_OF_PACKAGE))
    _trim(target)
    compile_tree(output, at=Path("/opt"))


def _install(target: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(target)]
    command += ["--python", sys.executable, "--python-platform", PLATFORM, "--python-version", PYTHON]
    command += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--link-mode", "copy", "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - see the import
    if done.returncode:
        raise LayerBuildError(
            f"uv could not install {LOCK.name} for {PLATFORM}. The first build needs the package index; later ones "
            f"read uv's cache. uv said:\n{done.stderr.strip()}"
        )


def _trim(target: Path) -> None:
    for pattern in _DROPPED:
        for path in sorted(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in target.glob("*.dist-info/**/*"):
        if path.is_file() and path.name not in _KEPT_OF_DIST_INFO:
            path.unlink()


@jsii.implements(cdk.ILocalBundling)
class LayerBundling:
    """Builds the layer in CDK's own bundling step, which is skipped when the assembly has this hash already."""

    def try_bundle(self, output_dir: str, _options: object = None, **_more: object) -> bool:
        """Build into the folder CDK gives; always done here, never in Docker."""
        build_layer(Path(output_dir))
        return True
