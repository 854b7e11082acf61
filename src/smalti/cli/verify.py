"""smalti verify: is it whole?"""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(path="as given", damaged="what is wrong, in words; empty if nothing is")


def verify(
    path: Annotated[Path, typer.Argument(help="A run, token store, index, .smt, .dac or weights file.")],
    json: Json = False,
) -> None:
    """Check every byte of a run, store, index or token file; exit code 1 if something is damaged."""
    from smalti.systems.show import verify as check

    finish({"path": path, "damaged": check(path)}, json=json)
