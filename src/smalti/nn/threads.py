"""Many small pieces of network work side by side.

One short clip is too little for two threads: they wait for each other longer than they compute. A clip a thread is
faster, and its bits do not depend on how many threads there are.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def spread(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """`work` of every item, in order and without gradients, as many at a time as torch has threads.

    Args:
        work: must not depend on what the others do.
        items: what it is given, one each.
    """
    threads = torch.get_num_threads()

    def alone(item: _Item) -> _Result:
        torch.set_num_threads(1)
        with torch.no_grad():
            return work(item)

    try:
        torch.set_num_threads(1)
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(alone, items)
    finally:
        torch.set_num_threads(threads)
