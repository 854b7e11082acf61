"""What the ring cache buys: milliseconds per generated frame beside a plain re-run of the full window, in one process.

DAC's codes (4 codebooks of 1,024 at 86.1 frames a second), random weights, sampling included, one CPU thread. The plain
peer does what a model without a cache does: it reads the whole window again for every new frame. A history that is long
is timed in turn with one that has just begun: cost and memory must stay. Milliseconds are of CPU, medians over a few
frames at a time, for others work on the machine too; one JSON object a line.
"""

import itertools
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from smalti.config import load_settings
from smalti.core import Condition, Parameter, Schema, TokenSpec
from smalti.generate import Sampling, choose, stream
from smalti.nn.token_lm import TokenTransformer
from smalti.systems.registry import find_preset
from smalti.systems.synthformer import SynthformerConfig, build_synthformer

SPEC = TokenSpec(sample_rate=44_100, hop=512, codebooks=4, vocab=1024, tokenizer="benchmark")
SCHEMA = Schema(tuple("abcdefgh"), tuple(Parameter(name="rate", label=label) for label in "abcdefgh"))
NETS = (  # preset, pattern, batch, late frame
    ("sm", "delay", 1, 10_000),
    ("sm", "delay", 8, 1_000),
    ("sm", "depth", 1, 1_000),
    ("sm", "depth", 8, 1_000),
    ("good_med", "delay", 1, 1_000),
    ("good_med", "delay", 8, 1_000),
)
BLOCK = 5  # frames timed at once


def build(preset: str, pattern: str) -> TokenTransformer:
    """A preset's model with random weights, its conditions open."""
    torch.manual_seed(0)
    config = load_settings(SynthformerConfig, find_preset(f"synthformer/{preset}")[1], [f"model.pattern={pattern}"])
    model = build_synthformer(config, spec=SPEC, schema=SCHEMA).eval()
    torch.nn.init.normal_(model.transformer.modulation.project.weight, std=0.02)
    return model


def asked(batch: int) -> Condition:
    condition = Condition.empty(batch, 1, len(SCHEMA.parameters))
    condition.labels[:] = torch.arange(batch)[:, None] % 8
    condition.values[:, :, 0] = 0.5
    return condition


def cached(lm: TokenTransformer, batch: int, begin: int) -> Iterator[object]:
    """Frames from frame `begin` on."""
    condition = asked(batch)
    frames = stream(lm, lambda _: condition, sampling=Sampling(), seeds=range(batch))
    return itertools.islice(frames, begin, None)


@torch.inference_mode()
def plain(lm: TokenTransformer, batch: int) -> Iterator[object]:
    generators = [torch.Generator().manual_seed(seed) for seed in range(batch)]
    rows = torch.randint(SPEC.vocab, (batch, SPEC.codebooks, lm.transformer.settings.window))
    while True:
        chosen = choose(lm.read(rows, asked(batch))[:, :, -1], Sampling(), generators)
        rows = torch.cat([rows[:, :, 1:], chosen[:, :, None]], dim=2)
        yield chosen


def milliseconds(frames: Iterator[object]) -> float:
    start = time.process_time()
    for _ in itertools.islice(frames, BLOCK):
        pass
    return 1000 * (time.process_time() - start) / BLOCK


def resident() -> int:
    """Bytes that this process holds."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


def measure(preset: str, pattern: str, batch: int, late: int) -> dict[str, object]:
    lm = build(preset, pattern)
    old = cached(lm, batch, 100)
    next(old)
    before = resident()
    next(itertools.islice(old, late - 101, None))
    growth = resident() - before
    sides = [cached(lm, batch, 100), old]
    if pattern != "depth":
        sides += [plain(lm, batch), plain(lm, 1)]
    for side in sides:
        next(side)
    taken = [[milliseconds(side) for side in sides] for _ in range(20)]
    medians = [statistics.median(each) for each in zip(*taken, strict=True)]
    found: dict[str, object] = {
        "preset": f"synthformer/{preset}",
        "pattern": pattern,
        "parameters": lm.parameter_count,
        "batch": batch,
        "ms_per_frame": round(medians[0], 2),
        "ms_per_clip_and_frame": round(medians[0] / batch, 2),
        "real_time_factor": round(medians[0] / 1000 * SPEC.frame_rate / batch, 3),
        "late_frame": late,
        "late_over_early": round(medians[1] / medians[0], 3),
        "memory_growth_bytes": growth,
    }
    if len(medians) > 2:
        found |= {
            "plain_ms_per_frame": round(medians[2], 2),
            "times_faster": round(medians[2] / medians[0], 1),
            "plain_alone_ms_per_frame": round(medians[3], 2),
            "times_faster_per_clip_than_one_by_one": round(medians[3] * batch / medians[0], 1),
        }
    return found


def main() -> None:
    torch.set_num_threads(1)
    for preset, pattern, batch, late in NETS:
        print(json.dumps(measure(preset, pattern, batch, late)), flush=True)


if __name__ == "__main__":
    main()
