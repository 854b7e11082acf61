"""Whatever goes wrong, told in a line or three, with an exit code that a script can act on.

0 done · 1 finished with problems · 2 bad usage or input · 3 environment (disk, memory, a bug) · 130/143 interrupted
"""

import errno

from typer import TyperException

DONE, PROBLEMS, USAGE, ENVIRONMENT, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.EIO}

_NO_PLACE = ("no space left", "memory does not suffice")


class Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt, no `except Exception` may swallow it."""


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code of an error and the lines that say what, where and what to do."""
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED, "interrupted; what was finished is kept, and the same command continues it"
        case Terminated():
            return TERMINATED, "terminated; what was finished is kept, and the same command continues it"
        case TyperException():
            return USAGE, _usage(error)
        case Exception(code=(130 | 143) as code):  # a training that was stopped, after its checkpoint
            return code, str(error)
        case OSError():
            return (ENVIRONMENT if error.errno in _NO_ROOM else USAGE), _system(error)
        case _ if _is_refusal(error):
            return (ENVIRONMENT if any(words in str(error) for words in _NO_PLACE) else USAGE), str(error)
        case _:
            return ENVIRONMENT, _unexpected(error)


def _is_refusal(error: BaseException) -> bool:
    """Whether it is a SmaltiError, asked by name: importing the class would import torch for every misspelt option."""
    return any(
        (kind.__module__, kind.__name__) == ("smalti.core.errors", "SmaltiError") for kind in type(error).__mro__
    )


def _usage(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "smalti"
    return f"{error.format_message()}\nhow to: {command} --help"


def _system(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    remedy = "free some space" if error.errno in _NO_ROOM else "check the path and its permissions"
    return f"{error.filename or 'the system'}: {reason}; {remedy}"


def _unexpected(error: BaseException) -> str:
    from smalti.core import lacks_memory  # here, as it imports torch

    if lacks_memory(error):
        return "the memory does not suffice; give shorter clips, or end what else runs on this machine"
    what = " ".join(str(error).split())[:300]
    return f"this should not happen: {type(error).__name__}: {what}\nplease report it with what --debug shows"
