"""Many small pieces of network work side by side.

One short clip is too little for two threads: they wait for each other longer than they compute. A clip a thread is
faster, and its bits do not depend on how many threads there are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def spread(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """`work` of every item, in order and without gradients, as many at a time as torch has threads.

    Args:
        work: must not depend on what the others do.
        items: what it is given, one each; taken only a few ahead of what has been handed out.
    """
    threads = torch.get_num_threads()

    def alone(item: _Item) -> _Result:
        torch.set_num_threads(1)
        with torch.no_grad():
            return work(item)

    try:
        torch.set_num_threads(1)
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future[_Result]] = deque()
            for item in items:
                waiting.append(pool.submit(alone, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(threads)
