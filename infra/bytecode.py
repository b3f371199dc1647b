"""Byte code that stays valid on Lambda's read-only disks.

An asset travels as a zip, which changes modification times, so Python's default `.pyc` files would be silently stale
and every cold start would compile every module again (measured: more than twice the start-up time). "Unchecked hash"
files (PEP 552) are trusted as they are.
"""

import compileall
from pathlib import Path
from py_compile import PycInvalidationMode


class BytecodeError(RuntimeError):
    """Some module does not compile."""


def compile_tree(root: Path, *, at: Path) -> None:
    """Write an unchecked-hash `.pyc` beside every module under `root`.

    Args:
        root: the folder to compile, in place.
        at: where the folder will be mounted; tracebacks name files there.

    Raises:
        BytecodeError: a module has a syntax error; compileall has printed it.
    """
    done = compileall.compile_dir(
        root,
        quiet=1,
        stripdir=str(root),
        prependdir=str(at),
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        force=True,
    )
    if not done:
        raise BytecodeError(f"some module under {root} does not compile; see the message above")
