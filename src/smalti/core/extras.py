"""Libraries that only some tools need: each belongs to an extra, and a tool without it says which."""

from importlib.util import find_spec

from smalti.core.errors import ParameterError


def need(module: str, *, extra: str, what: str) -> None:
    """Refuse to go on without a library, before anything else is done.

    Args:
        module: what would be imported.
        extra: of smalti, that brings it.
        what: cannot be done without it, as in "plots of latents".
    Raises:
        ParameterError: if it is not installed; says how to install it.
    """
    if find_spec(module) is None:
        raise ParameterError(f"found no {module}, which {what} need; pip install 'smalti[{extra}]'")
