"""What the ring cache buys: milliseconds per generated frame beside a plain re-run of the full window, in one process.

Width 256, 2 layers, window 86, 4 codebooks of 1024, delay pattern, top-p sampling included, one CPU thread. The plain
peer does what a model without a cache does: it reads the last 86 rows again for every new one.
"""

import itertools
import statistics
import time
from collections.abc import Iterator

import torch

from smalti.core import Condition, Parameter, Schema, TokenSpec
from smalti.generate import Sampling, choose, stream
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings

SPEC = TokenSpec(sample_rate=44_100, hop=512, codebooks=4, vocab=1024, tokenizer="benchmark")
SCHEMA = Schema(tuple("abcdefgh"), tuple(Parameter(name="rate", label=label) for label in "abcdefgh"))
SIZES = TransformerSettings(width=256, layers=2, heads=8, window=86, condition_width=64)
LATE = 10_000


def build() -> TokenTransformer:
    torch.manual_seed(0)
    return TokenTransformer(spec=SPEC, schema=SCHEMA, pattern="delay", transformer=SIZES).eval()


def asked(batch: int) -> Condition:
    condition = Condition.empty(batch, 1, len(SCHEMA.parameters))
    condition.labels[:] = torch.arange(batch)[:, None] % 8
    condition.values[:, :, 0] = 0.5
    return condition


def cached(lm: TokenTransformer, batch: int) -> Iterator[object]:
    condition = asked(batch)
    return stream(lm, lambda _: condition, sampling=Sampling(), seeds=range(batch))


@torch.inference_mode()
def plain(lm: TokenTransformer, batch: int) -> Iterator[object]:
    generators = [torch.Generator().manual_seed(seed) for seed in range(batch)]
    rows = torch.randint(SPEC.vocab, (batch, SPEC.codebooks, SIZES.window))
    while True:
        chosen = choose(lm.read(rows, asked(batch))[:, :, -1], Sampling(), generators)
        rows = torch.cat([rows[:, :, 1:], chosen[:, :, None]], dim=2)
        yield chosen


def milliseconds(frames: Iterator[object], count: int = 100) -> float:
    """Median over frames: other work on the machine then hardly shows."""
    taken: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        next(frames)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def main() -> None:
    torch.set_num_threads(1)
    lm = build()
    print(f"{sum(p.numel() for p in lm.parameters()):,} parameters, frame rate {SPEC.frame_rate:.1f} Hz, one thread")
    for batch in (1, 8):
        frames = cached(lm, batch)
        next(itertools.islice(frames, 99, None))
        early = milliseconds(frames)
        gone = LATE if batch == 1 else 1_000
        next(itertools.islice(frames, gone - 200, None))
        late = milliseconds(frames)
        again = milliseconds(plain(lm, batch), 30)
        print(
            f"batch {batch}: cached {early:.2f} ms per frame from frame 100, {late:.2f} from frame {gone:,} "
            f"({late / early - 1:+.0%}), {early / batch:.2f} per clip; plain re-run {again:.2f} ({again / early:.1f} x)"
        )


if __name__ == "__main__":
    main()
