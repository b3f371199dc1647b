"""The code assets of the functions: each gets its own folder and nothing else.

A change of one function must not redeploy the others, so an asset holds `functions/__init__.py` and
`functions/<name>/`, laid out as in the repository: the handler's import path is then the same in a test, on the
embedded stack and on AWS. /var/task is read-only on Lambda, so the modules are compiled here (see layer_bundling.py).
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk import aws_lambda as lambda_

from infra.bytecode import compile_tree
from omnicascade.contracts import Function

ROOT: Final = Path(__file__).resolve().parent.parent
FUNCTIONS: Final = ROOT / "functions"


def function_code(*, function: Function, staging: Path, files: Mapping[str, Any] | None = None) -> lambda_.Code:
    """The code of one function, staged under `staging`.

    Args:
        function: whose folder.
        staging: a folder inside the cloud assembly; what lies there from an earlier synth is replaced.
        files: further JSON documents at the asset's root, by file name.
    """
    target = staging / function.value
    shutil.rmtree(target, ignore_errors=True)
    package = target / FUNCTIONS.name
    shutil.copytree(FUNCTIONS / function.value, package / function.value, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(FUNCTIONS / "__init__.py", package)
    compile_tree(target, at=Path("/var/task"))
    for name, document in (files or {}).items():
        text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        (target / name).write_text(text + "\n", encoding="utf-8")
    return lambda_.Code.from_asset(str(target))
