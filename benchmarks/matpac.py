"""What MATPAC costs beside its peers, in one run: CPU seconds of one thread, the median of three, random weights.

    python benchmarks/matpac.py [embed] [train] [small]

embed   clips of 10 s at the published sizes, alone and eight together: fp32 and bf16, the plain loop, transformers' AST
train   a step of MATPAC++ at the published sizes, four crops: fp32 and bf16
small   the same with a small net and short clips, which says only that the script runs

The plain loop takes clip by clip and chunk by chunk and writes the attention matrix out, as the published code does.
AST, of its standard size, is given its picture ready made.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from smalti.config import load_settings
from smalti.core import Audio
from smalti.systems.matpac import EncoderNet, MatpacConfig, MatpacEncoder, MatpacRecipe, ModelConfig
from smalti.systems.matpac.config import EncoderConfig
from smalti.systems.matpac.hearing import picture_of
from smalti.systems.registry import find_preset

RATE, SMALL = 16_000, "small"
PARTS = {"embed": lambda small: embed(small=small), "train": lambda small: train(small=small)}


def main() -> None:
    """Print the figures asked for, or all."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    asked = [word for word in sys.argv[1:] if word != SMALL] or [*PARTS]
    for name in asked:
        PARTS[name](SMALL in sys.argv[1:])


def median(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds."""
    work()
    spent: list[float] = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def encoder(*, precision: str, small: bool) -> MatpacEncoder:
    """With random weights."""
    torch.manual_seed(0)
    sizes = EncoderConfig(chunk=64, width=32, layers=2, heads=2) if small else EncoderConfig()
    config = ModelConfig.model_validate({"encoder": sizes, "precision": precision})
    net = EncoderNet(config).eval()
    if precision == "bf16":
        net.halve()  # as a run is opened
    return MatpacEncoder(net)


def noise(clips: int, *, small: bool) -> Audio:
    """Clips of 10 s."""
    samples = torch.randn(clips, RATE * (2 if small else 10), generator=torch.Generator().manual_seed(1))
    return Audio(0.1 * samples, RATE, torch.full((clips,), samples.shape[1]))


def embed(*, small: bool) -> None:
    """Embeddings of one clip, and of eight."""
    print(f"{'ViT-B, n_t 608, one thread':<40}{'clips':>6}{'CPU s':>9}{'x real time':>13}{'x plain':>9}")
    whole, half = (encoder(precision=precision, small=small) for precision in ("fp32", "bf16"))
    for clips in (1, 8):
        audio = noise(clips, small=small)
        plain = median(lambda audio=audio: plainly(whole, audio))
        row("plain loop, fp32", audio, plain, plain)
        row("ours, fp32 (wanted ≥ 14 x)", audio, median(lambda audio=audio: whole.embed(audio)), plain)
        row("ours, bf16 (wanted ≥ 23 x, ≥ 1.6 x plain)", audio, median(lambda audio=audio: half.embed(audio)), plain)
        for name, seconds in peers(clips, small=small):
            row(name, audio, seconds, plain)
    one = noise(1, small=small)
    ours, low, plain = whole.embed(one).frames, half.embed(one).frames, plainly(whole, one)
    print(f"largest difference from the plain loop {(ours[0] - plain[0]).abs().max():.1e}")
    print(f"least cosine of bf16 to fp32 {functional.cosine_similarity(ours, low, dim=2).min():.5f}")


def row(name: str, audio: Audio, seconds: float, plain: float) -> None:
    """One line of the table."""
    speed = f"{audio.seconds / seconds:>12.1f}x{plain / seconds:>8.2f}x"
    print(f"{name:<42}{len(audio.lengths):>4}{seconds:>9.3f}{speed}", flush=True)


@torch.no_grad()
def plainly(ears: MatpacEncoder, audio: Audio) -> list[Tensor]:
    """Clip by clip, chunk by chunk."""
    net, heard = ears.net, list[Tensor]()
    with patch.object(functional, "scaled_dot_product_attention", written_out):
        for item in audio.items():
            chunks = picture_of(net, item.samples[0])[None].split(net.config.encoder.chunk, 2)
            heard.append(torch.cat([net.by_time(net.encode(net.tokens(chunk))) for chunk in chunks], 1)[0])
    return heard


def written_out(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √d) V with the whole matrix in memory."""
    return ((queries * queries.shape[-1] ** -0.5) @ keys.mT).softmax(-1) @ values


def peers(clips: int, *, small: bool) -> Iterator[tuple[str, float]]:
    """Audio Spectrogram Transformer: 12 layers of 768, 1,214 patches of a picture of 1,024 frames."""
    from transformers import ASTConfig, ASTModel

    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2} if small else {}
    model = ASTModel(ASTConfig(**sizes)).eval()
    picture = torch.randn(clips, model.config.max_length, model.config.num_mel_bins)
    with torch.no_grad():
        yield "transformers ASTModel, fp32", median(lambda: model(picture), 1 if clips > 1 else 3)


def train(*, small: bool) -> None:
    """A step in either precision."""
    spent = {precision: step_seconds(precision, small=small) for precision in ("32", "bf16")}
    for precision, seconds in spent.items():
        times = spent["32"] / seconds
        print(f"MATPAC++, a step of 4 crops, {precision:<6}{seconds:>9.2f} CPU s{times:>8.2f}x the fp32 step")


def step_seconds(precision: str, *, small: bool) -> float:
    """CPU seconds of a step, batch and update included."""
    sizes = [
        "model.encoder.width=32", "model.encoder.layers=2", "model.encoder.heads=2", "predictor.width=16",
        "predictor.layers=1", "predictor.heads=2", "prototypes.prototypes=16", "prototypes.hidden=16",
    ]  # fmt: skip
    brief = ["train.epochs=0", "train.steps=10", "train.batch=4", "engine.devices=1", f'engine.precision="{precision}"']
    config = load_settings(MatpacConfig, find_preset("matpac/base-plus")[1], [*brief, *(sizes if small else [])])
    generator = torch.Generator().manual_seed(0)
    recipe = MatpacRecipe(config, [0.1 * torch.randn(10 * RATE, generator=generator) for _ in range(4)])
    steps = iter(range(10))

    def once() -> None:
        number = next(steps)
        recipe.step(recipe.batch(number), number)

    return median(once)


if __name__ == "__main__":
    main()
