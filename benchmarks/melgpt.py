"""What the ring cache buys melgpt: a clip of 53 columns of 5 codes of 128, flat pattern, beside the published loop.

265 codes one by one with the cache and sampling, beside that loop, which reads all codes so far again for every new one
(every 24th is timed and stands for 24); and the largest difference of their logits. Then the fast modes: `delay`, 57
rows, and filling gaps, 16 passes. These are CPU seconds, for others work on the machine too.
"""

import time

import torch

from smalti.config import load_settings
from smalti.core import Condition, Schema, TokenSpec
from smalti.generate import Sampling, generate, generate_masked
from smalti.nn.masked_lm import MaskedTransformer
from smalti.nn.token_lm import TokenTransformer
from smalti.patterns import find_pattern
from smalti.systems.melgpt import MelGPTConfig, build_melgpt
from smalti.systems.registry import find_preset

GRID = TokenSpec(sample_rate=22_050, hop=4096, codebooks=5, vocab=128, tokenizer="benchmark")
COLUMNS, EVERY = 53, 24


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
    for preset, count in (("melgpt/tiny", 1), ("melgpt/tiny", 10), ("melgpt/vas", 1)):
        grid(preset, count)
    for count in (1, 10):
        fast_modes(count)


if __name__ == "__main__":
    main()
