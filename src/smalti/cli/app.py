"""The verbs put together, and the one place that ends the process."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from smalti import __version__
from smalti.cli import (
    decode,
    demo,
    embed,
    encode,
    evaluate,
    export,
    generate,
    importing,
    index,
    interpolate,
    melodies,
    play,
    prepare,
    prior,
    reconstruct,
    search,
    show,
    tag,
    textures,
    train,
    verify,
)
from smalti.cli.errors import DONE, INTERRUPTED, Terminated, explain
from smalti.cli.output import hear_warnings, results_only, say

_DEBUG = "--debug"
_VERBS = {
    "demo": (demo.demo, demo.KEYS),
    "textures": (textures.textures, textures.KEYS),
    "prepare": (prepare.prepare, prepare.KEYS),
    "melodies": (melodies.melodies, melodies.KEYS),
    "prior": (prior.prior, prior.KEYS),
    "train": (train.train, train.KEYS),
    "encode": (encode.encode, encode.KEYS),
    "decode": (decode.decode, decode.KEYS),
    "reconstruct": (reconstruct.reconstruct, reconstruct.KEYS),
    "generate": (generate.generate, generate.KEYS),
    "play": (play.play, play.KEYS),
    "interpolate": (interpolate.interpolate, interpolate.KEYS),
    "embed": (embed.embed, embed.KEYS),
    "tag": (tag.tag, tag.KEYS),
    "index": (index.index, index.KEYS),
    "search": (search.search, search.KEYS),
    "import": (importing.import_, importing.KEYS),
    "export": (export.export, export.KEYS),
    "show": (show.show, show.KEYS),
    "verify": (verify.verify, verify.KEYS),
}


def main() -> NoReturn:
    """Run the command line of this process and end it with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    # read when torch is imported: threads that spin make small tensors a hundred times slower on a busy machine,
    # threads that sleep at once cost half the speed of training on a quiet one
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    if _DEBUG not in sys.argv:
        hear_warnings()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:  # told already; the interpreter shall not try again and end with a code of its own
        _forget_stdout()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; errors go to stderr in a line or three. Returns the exit code."""
    given = [argument for argument in arguments if argument != _DEBUG]
    try:
        code = _app()(given, prog_name="smalti", standalone_mode=False) or DONE
        if code == INTERRUPTED:  # typer turns Ctrl-C into its own silent exit
            raise KeyboardInterrupt
        return code
    except BrokenPipeError:  # the reader has left, as `head` does: nothing more to say
        _forget_stdout()
        return DONE
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if len(given) < len(arguments):
            traceback.print_exc()
        code, message = explain(error)
        say(f"smalti: {message}")
        return code


def _forget_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _app() -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
    app.callback()(_smalti)
    for name, (verb, keys) in _VERBS.items():
        app.command(name, epilog=keys)(results_only(verb))
    app.add_typer(evaluate.group(), name="evaluate")
    return app


def _show_version(asked: bool) -> bool:
    if asked:
        typer.echo(__version__)
        raise typer.Exit
    return asked


def _smalti(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_show_version)] = False,
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show tracebacks; may stand behind any verb.")] = False,
) -> None:
    """Audio as tokens: compress, continue, steer, understand and find sound.

    RUN is a run folder or the name of a shipped model. Results go to stdout, progress to stderr.

    Exit codes: 0 done, 1 finished with problems, 2 bad usage or input, 3 disk or memory, 130/143 interrupted.
    """


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
