"""What the ring cache buys: milliseconds per generated frame beside a plain re-run of the full window, in one process.

Width 256, 2 layers, window 86, 4 codebooks of 1024, delay pattern, top-p sampling included, one CPU thread. The plain
peer does what a model without a cache does: it reads the last 86 rows again for every new one.

Then a clip of melgpt, 53 columns of 5 codes of 128, flat pattern: 265 codes one by one with the cache and sampling,
beside the published loop, which reads all codes so far again for every new one (every 24th is timed and stands for 24);
and the largest difference of their logits. Beside it the fast modes: `delay`, 57 rows, and filling gaps, 16
passes. These are CPU seconds, for others work on the machine too.
"""

import itertools
import statistics
import time
from collections.abc import Iterator

import torch

from smalti.config import load_settings
from smalti.core import Condition, Parameter, Schema, TokenSpec
from smalti.generate import Sampling, choose, generate, generate_masked, stream
from smalti.nn.masked_lm import MaskedTransformer
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.patterns import find_pattern
from smalti.systems.melgpt import MelGPTConfig, build_melgpt
from smalti.systems.registry import find_preset

SPEC = TokenSpec(sample_rate=44_100, hop=512, codebooks=4, vocab=1024, tokenizer="benchmark")
SCHEMA = Schema(tuple("abcdefgh"), tuple(Parameter(name="rate", label=label) for label in "abcdefgh"))
SIZES = TransformerSettings(width=256, layers=2, heads=8, window=86, condition_width=64)
LATE = 10_000
GRID = TokenSpec(sample_rate=22_050, hop=4096, codebooks=5, vocab=128, tokenizer="benchmark")
COLUMNS, EVERY = 53, 24


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


def grid_model(preset: str) -> TokenTransformer | MaskedTransformer:
    """A preset's model with random weights, its conditions open."""
    torch.manual_seed(0)
    config = load_settings(MelGPTConfig, find_preset(preset)[1])
    model = build_melgpt(config, GRID, Schema(tuple("abcdefgh"))).eval()
    torch.nn.init.normal_(model.transformer.modulation.project.weight, std=0.02)
    return model


def grid_condition(batch: int) -> Condition:
    return Condition((torch.arange(batch) % 8)[:, None].expand(batch, COLUMNS), torch.zeros(batch, COLUMNS, 0))


@torch.inference_mode()
def grid(preset: str, batch: int) -> None:
    lm = grid_model(preset)
    assert isinstance(lm, TokenTransformer)
    told = grid_condition(batch)
    start = time.process_time()
    codes = generate(lm, told, sampling=Sampling(), seeds=range(batch))
    cached = time.process_time() - start
    rows = find_pattern(lm.pattern).rows(codes, GRID.vocab)
    rows = torch.nn.functional.pad(rows, (1, 0), value=GRID.vocab)[:, :, :-1]
    one, stepper, plain, difference = told.at(slice(0, 1)), lm.stepper(batch), 0.0, 0.0
    stepped = torch.cat([stepper.step(row, one) for row in rows.split(1, dim=2)], dim=2)
    for count in range(1, rows.shape[2] + 1, EVERY):
        start = time.process_time()
        again = lm.read(rows[:, :, :count], one)[:, :, -1]
        plain += EVERY * (time.process_time() - start)
        difference = max(difference, float((again - stepped[:, :, count - 1]).abs().max()))
    size = sum(weight.numel() for weight in lm.parameters())
    print(
        f"{preset}, {size:,} parameters, {batch} clips of {codes[0].numel()} codes: cached {cached:.2f} CPU s, "
        f"plain {plain:.2f} s ({plain / cached:.1f} x), logits differ by {difference:.1e} at most"
    )


@torch.inference_mode()
def fast_modes(batch: int) -> None:
    told = grid_condition(batch)
    for name, lm in (
        ("flat, 265 rows", grid_model("melgpt/tiny")),
        ("delay, 57 rows", grid_model("melgpt/fast")),
        ("masked, 16 passes", grid_model("melgpt/masked")),
    ):
        make = generate_masked if isinstance(lm, MaskedTransformer) else generate
        start = time.process_time()
        make(lm, told, sampling=Sampling(), seeds=range(batch))  # pyright: ignore[reportArgumentType]
        print(f"small presets, {name}: {batch} clips in {time.process_time() - start:.2f} CPU s")


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
    for preset, count in (("melgpt/tiny", 1), ("melgpt/tiny", 10), ("melgpt/vas", 1)):
        grid(preset, count)
    for count in (1, 10):
        fast_modes(count)


if __name__ == "__main__":
    main()
