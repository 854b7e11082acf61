"""CTC without a blank: how near an independent forward pass, and how many times faster than a loop over frames.

    python benchmarks/ctc.py

Prints one line each for the loss of single pairs and for all pairs of a batch, forward and backward, on one thread.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from smalti.losses import blank_free_ctc, pair_log_likelihoods

PAIRS, FRAMES, VOCAB, TOKENS, TIMES = 16, (150, 200), 128, 30, 5


def looped(log_probabilities: Tensor, frames: Tensor, strings: Tensor, tokens: Tensor) -> Tensor:
    """The forward pass of one pair after another, one frame after another, as the formula reads."""
    found: list[Tensor] = []
    for steps, count, string, size in zip(log_probabilities, frames.tolist(), strings, tokens.tolist(), strict=True):
        wanted = string[:size]
        reached = torch.full((size,), -1e30, dtype=steps.dtype)
        reached = torch.cat([steps[:1, wanted[0]], reached[1:]])
        for step in steps[1:count]:
            before = torch.cat([reached.new_full((1,), -1e30), reached[:-1]])
            reached = torch.logaddexp(reached, before) + step[wanted]
        found.append(-reached[-1])
    return torch.stack(found)


def seconds(loss: Callable[[], Tensor], logits: Tensor) -> float:
    """CPU time of forward and backward, the least of several."""
    taken: list[float] = []
    for _ in range(TIMES):
        begin = time.process_time()
        torch.autograd.grad(loss().sum(), logits)
        taken.append(time.process_time() - begin)
    return min(taken)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(PAIRS, FRAMES[1], VOCAB, generator=generator)).requires_grad_()
    frames = torch.randint(FRAMES[0], FRAMES[1] + 1, (PAIRS,), generator=generator)
    tokens = torch.randint(TOKENS // 2, TOKENS + 1, (PAIRS,), generator=generator)
    strings = (torch.arange(TOKENS) * 7 + torch.arange(PAIRS)[:, None]) % VOCAB

    def single() -> Tensor:
        return blank_free_ctc(logits.log_softmax(2), frames, strings, tokens)

    def pairs() -> Tensor:
        return pair_log_likelihoods(logits.log_softmax(2), frames, strings, tokens)

    def loop(dtype: torch.dtype = torch.float32) -> Tensor:
        return looped(logits.to(dtype).log_softmax(2), frames, strings, tokens)

    truth, slow = loop(torch.float64), seconds(loop, logits)
    for name, found, quick, count in (
        ("single pairs", single(), seconds(single, logits), PAIRS),
        ("all pairs", -pairs().diagonal(), seconds(pairs, logits), PAIRS**2),
    ):
        error = (found - truth).abs().max().item()
        faster = slow / PAIRS / (quick / count)
        print(f"{name}: {1e3 * quick:.1f} ms for {count}, {faster:.1f} × a loop over frames, off by {error:.1e} nats")


if __name__ == "__main__":
    main()
