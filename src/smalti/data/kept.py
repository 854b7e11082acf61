"""What is made of recordings, kept in memory up to a limit and made again beyond it."""

from collections.abc import Callable, Hashable

from torch import Tensor


class Kept:
    """Tensors by what names them. Whether one was kept changes no number: making it again gives the same."""

    def __init__(self, memory: int) -> None:
        """Begin with nothing.

        Args:
            memory: MiB of tensors to keep; what comes when there is no room left is not.
        """
        self._room = memory * 2**20
        self._held: dict[Hashable, Tensor] = {}

    def get(self, name: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """The tensor of this name, made if it is not here; kept if there is room."""
        if name in self._held:
            return self._held[name]
        made = make()
        if made.nbytes <= self._room:
            self._room -= made.nbytes
            self._held[name] = made
        return made
