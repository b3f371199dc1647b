"""The layer as it is really built: small, for arm64, compiled, and ours."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra import layer_bundling
from infra.constructs.shared_layer import SharedLayer
from infra.layer_bundling import LOCK, LayerBuildError, build_layer, layer_hash

ELF_MACHINE = slice(18, 20)
AARCH64 = (183).to_bytes(2, "little")
"""e_machine of an AArch64 object. Source: ELF for the Arm 64-bit Architecture, section "ELF header"."""
PEP552_FLAGS = slice(4, 8)
UNCHECKED_HASH = (0b01).to_bytes(4, "little")
LARGEST_BYTES = 20_000_000


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real build; the first on a machine needs the package index, later ones uv's cache."""
    output = tmp_path_factory.mktemp("layer")
    try:
        build_layer(output)
    except LayerBuildError as error:
        if "dns error" in str(error) or "Connection refused" in str(error) or "network" in str(error).lower():
            pytest.skip("the package index cannot be reached and uv's cache is cold")
        raise
    return output


def _files(layer: Path) -> list[Path]:
    return [path for path in layer.rglob("*") if path.is_file()]


def test_the_layer_is_small(layer: Path) -> None:
    """At most 20 MB unzipped, without the SDK that the runtime brings."""
    size = sum(path.stat().st_size for path in _files(layer))
    print(f"layer: {size / 1e6:.1f} MB unzipped")  # noqa: T201 - the figure is the point of the build
    assert size <= LARGEST_BYTES
    assert not (layer / "python" / "botocore").exists()
    assert not (layer / "python" / "boto3").exists()


def test_every_module_has_byte_code_that_lambda_trusts(layer: Path) -> None:
    """Each source file has a .pyc of Python 3.13 with the unchecked-hash flag, so no cold start compiles."""
    sources = [path for path in _files(layer) if path.suffix == ".py"]
    assert sources
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        header = compiled.read_bytes()[:16]
        assert header[:4] == importlib.util.MAGIC_NUMBER
        assert header[PEP552_FLAGS] == UNCHECKED_HASH, source


def test_every_library_is_for_arm64(layer: Path) -> None:
    """All compiled extensions are AArch64 objects."""
    libraries = [path for path in _files(layer) if ".so" in path.suffixes]
    assert libraries
    for library in libraries:
        assert library.read_bytes()[ELF_MACHINE] == AARCH64, library


def test_the_layer_holds_the_package_without_its_command_line(layer: Path) -> None:
    """The package is there, the command line and what no function reads are not."""
    package = layer / "python" / "omnicascade"
    assert (package / "contracts.py").is_file()
    assert not (package / "cli").exists()
    assert not list((layer / "python" / "babel").glob("locale-data/*"))
    assert not list(layer.rglob("*.pyi"))
    assert (next((layer / "python").glob("pydantic-*.dist-info")) / "METADATA").is_file()


FROM_RUNTIME = ("boto3", "botocore", "urllib3", "s3transfer")
FOR_THIS_PROCESSOR = ("pydantic_core", "markupsafe")
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import omnicascade
for module in pkgutil.walk_packages(omnicascade.__path__, "omnicascade."):
    importlib.import_module(module.name)
import aws_lambda_powertools.logging, liquid.extra
import phonenumbers, yaml, zoneinfo
assert phonenumbers.is_valid_number(phonenumbers.parse("+48601234567"))
assert yaml.safe_load("a: [1, b]") == {"a": [1, "b"]}
assert zoneinfo.ZoneInfo("Europe/Warsaw").key == "Europe/Warsaw"
print(sys.modules["pydantic"].__file__)
"""


def test_what_was_dropped_is_not_missed(layer: Path, tmp_path: Path) -> None:
    """Every module of the package imports from the layer alone, time zones included, beside what the runtime brings."""
    site_packages = Path(sysconfig.get_path("purelib"))
    for name in FROM_RUNTIME + FOR_THIS_PROCESSOR:
        (tmp_path / name).symlink_to(site_packages / name)
    paths = [str(tmp_path), str(layer / "python")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONTZPATH": str(layer / "python" / "pytz" / "zoneinfo")}
    command = [sys.executable, "-S", "-B", "-c", IMPORT_ALL, *paths]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(layer))


def _synthesized_layer(outdir: Path) -> Path:
    app = cdk.App(outdir=str(outdir), context={"aws:cdk:enable-asset-metadata": True})
    SharedLayer(cdk.Stack(app, "layer"), "Shared")
    resources = app.synth().get_stack_by_name("layer").template["Resources"].values()
    (found,) = [r for r in resources if r["Type"] == "AWS::Lambda::LayerVersion"]
    return outdir / found["Metadata"]["aws:asset:path"]


def test_a_synth_builds_the_layer_once(layer: Path, tmp_path: Path) -> None:
    """CDK's own bundling gives the same files, and a second synth leaves them as they are."""
    built = _synthesized_layer(tmp_path)
    assert {f.relative_to(built) for f in _files(built)} == {f.relative_to(layer) for f in _files(layer)}
    before = (built / "python" / "omnicascade" / "contracts.py").stat().st_mtime_ns, built.stat().st_ino
    assert _synthesized_layer(tmp_path) == built
    assert ((built / "python" / "omnicascade" / "contracts.py").stat().st_mtime_ns, built.stat().st_ino) == before


def test_the_lock_pins_hashes_and_names_no_host() -> None:
    """Whoever builds the layer gets these very files, from whatever index they use."""
    text = LOCK.read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert "://" not in text


def test_the_hash_follows_the_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same inputs give the same hash; another lock gives another."""
    before = layer_hash()
    assert layer_hash() == before
    other = layer_bundling.ROOT / "requirements.lock"
    monkeypatch.setattr(layer_bundling, "LOCK", other)
    assert layer_hash() != before


def test_a_failed_install_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv's own words are in the error, with the hint at network and cache."""
    lock = tmp_path / "lock.txt"
    lock.write_text("no-such-file.whl\n", encoding="utf-8")
    monkeypatch.setattr(layer_bundling, "LOCK", lock)
    with pytest.raises(LayerBuildError, match=r"(?s)package index.*uv said:\n.+"):
        build_layer(tmp_path / "out")
