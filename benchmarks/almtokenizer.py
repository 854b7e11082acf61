"""What the query codec costs beside its peers, in one run: CPU seconds of one thread, the least of three.

    python benchmarks/almtokenizer.py [cost] [stream] [toy] [step]

cost    encode and decode of 10 and 30 s: the published sizes, the same net computed as published, `tiny`,
        and transformers' EnCodec and Mimi of their standard sizes, all with random weights
stream  ten minutes through both streams a second at a time, and the most memory resident so far
toy     how well smooth latents pass through query nets, queries first and last in the decoder's groups
step    one step of training at the published sizes beside the published way to compute it
"""

import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from smalti.config import load_settings
from smalti.core import Audio
from smalti.losses import hinge_discriminator, hinge_generator, relative_feature_matching
from smalti.nn import attention, causal
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.systems.almtokenizer import ALMTokenizer, ALMTokenizerConfig, ALMTokenizerRecipe, ModelConfig, QueryNet
from smalti.systems.almtokenizer.clips import Crops
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig
from smalti.systems.almtokenizer.judging import JudgeConfig
from smalti.systems.almtokenizer.query import QueryDecoder, QueryEncoder
from smalti.systems.registry import find_preset

RATE, WINDOW = 24_000, 3
LATE = 300_000
NET = QueryNetConfig(width=128, layers=12, heads=32, hidden=256, attention=16)
PUBLISHED = ModelConfig(
    ends=SeanetEndsConfig(),
    encoder=NET,
    decoder=NET.model_copy(update={"hidden": 512}),
    codes=CodesConfig(dim=128),
    window=WINDOW,
)


def main() -> None:
    """Print the figures asked for, or all."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parts = {"stream": stream, "cost": cost, "toy": toy, "step": step}
    for name, part in parts.items():  # streams first, as the most that was ever resident does not fall again
        if name in (sys.argv[1:] or parts):
            part()


def least(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds."""
    work()
    spent: list[float] = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def codec(config: ModelConfig) -> ALMTokenizer:
    """With random weights, code vectors included."""
    torch.manual_seed(0)
    net = QueryNet(config).eval()
    scatter(net)
    return ALMTokenizer(net)


def scatter(net: QueryNet) -> None:
    """Give the code vectors places, as training would."""
    for name, vectors in net.quantizer.named_buffers():
        if name.endswith("vectors"):
            vectors.normal_(std=0.5)


def noise(seconds: float) -> Audio:
    generator = torch.Generator().manual_seed(1)
    return Audio.single(0.1 * torch.randn(round(seconds * RATE), generator=generator), RATE)


def row(name: str, seconds: float, encode: float, decode: float, remark: str = "") -> None:
    print(f"{name:<44}{seconds:>5.0f} s{encode:>9.3f}{decode:>9.3f}  {remark}", flush=True)


def both(alm: ALMTokenizer, sound: Audio) -> tuple[float, float]:
    tokens = alm.encode(sound)
    return least(lambda: alm.encode(sound)), least(lambda: alm.decode(tokens))


def cost() -> None:
    """Encode and decode."""
    print(f"{'CPU s of one thread':<44}{'sound':>7}{'encode':>9}{'decode':>9}")
    published = codec(PUBLISHED)
    short, long = noise(10), noise(30)
    ours = both(published, short)
    row(f"published sizes, w={WINDOW}", 10, *ours, "wanted ≤ 0.75, ≤ 0.85")
    row(f"published sizes, w={WINDOW}", 30, *both(published, long), "wanted encode ≤ 2.5")
    row("  its SEANet ends alone", 10, *ends(published, short))
    slow, remark = dense(published, short)
    times = " and ".join(f"{theirs / own:.1f} x" for theirs, own in zip(slow, ours, strict=True))
    row("  the same net computed as published", 10, *slow, f"{times}, wanted ≥ 4 x; {remark}")
    tiny = codec(load_settings(ALMTokenizerConfig, find_preset("almtokenizer/tiny")[1]).model)
    for window in (2, 6):
        row(f"tiny, w={window}", 10, *both(tiny.at(window=window), short), "wanted ≤ 0.12, ≤ 0.20")
    for name, encode, decode in peers(short.samples[:, None]):
        row(name, 10, encode, decode)


@torch.no_grad()
def ends(alm: ALMTokenizer, sound: Audio) -> tuple[float, float]:
    frames = alm.net.front.forward(sound.samples)
    return least(lambda: alm.net.front.forward(sound.samples)), least(lambda: alm.net.back.forward(frames))


def peers(sound: Tensor) -> Iterator[tuple[str, float, float]]:
    """Transformers' models of their standard sizes, near our rates."""
    from transformers import EncodecConfig, EncodecModel, MimiConfig, MimiModel

    with torch.no_grad():
        encodec = EncodecModel(EncodecConfig()).eval()
        found = encodec.encode(sound, bandwidth=1.5)
        encode = least(lambda: encodec.encode(sound, bandwidth=1.5))
        yield "EncodecModel, 1.5 kbit/s", encode, least(lambda: encodec.decode(found.audio_codes, found.audio_scales))
        mimi = MimiModel(MimiConfig()).eval()
        codes = mimi.encode(sound, num_quantizers=8).audio_codes
        encode = least(lambda: mimi.encode(sound, num_quantizers=8))
        yield "MimiModel, 1.1 kbit/s", encode, least(lambda: mimi.decode(codes))


@torch.no_grad()
def dense(alm: ALMTokenizer, sound: Audio) -> tuple[tuple[float, float], str]:
    """The same net computed as published, all at once: CPU seconds, and how far the results are from ours."""
    net, window = alm.net, alm.window
    samples = functional.pad(sound.samples, (0, -sound.samples.shape[1] % alm.hop))

    def encode() -> Tensor:
        return net.quantizer.encode(net.to_codes(net.analyse(samples, window)).mT)

    def decode() -> Tensor:
        return net.sound(net.guess(net.vectors(codes), window))

    tokens = alm.encode(sound)
    heard = alm.decode(tokens).samples
    with as_published():
        codes = encode()
        spent = least(encode), least(decode)
        apart = float((decode()[:, : heard.shape[1]] - heard).abs().max())
    return spent, f"{float((codes == tokens.codes).float().mean()):.2%} of codes equal, sound within {apart:.0e}"


@contextmanager
def as_published() -> Iterator[None]:
    """Every query against every key, a mask of all pairs made anew, heads as items of the batch; convolutions as they
    come, channel by channel.
    """

    def every(queries: Tensor, keys: Tensor, values: Tensor, *, window: int, past: None = None) -> Tensor:
        batch, heads, count, _ = queries.shape
        seen = attention.band(count, window, queries.device)
        queries, keys, values = (each.flatten(0, 1) for each in (queries, keys, values))
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
        return mixed.unflatten(0, (batch, heads))

    with patch.object(attention, "banded_attention", every), patch.object(causal, "_rows_are_faster", lambda _: False):
        yield


def stream() -> None:
    """What ten minutes cost, and whether they need more memory than one."""
    alm = codec(PUBLISHED)
    encoder, decoder = alm.encoder_stream(), alm.decoder_stream()
    start, resident = time.process_time(), {0: peak()}
    for minute in range(1, 11):
        for second in range(60):
            generator = torch.Generator().manual_seed(60 * minute + second)
            decoder.push(encoder.push(0.1 * torch.randn(RATE, generator=generator)))
        resident[minute] = peak()
    spent = time.process_time() - start
    told = ", ".join(f"{resident[minute]:.0f} MB after {minute} min" for minute in (0, 1, 2, 5, 10))
    print(f"10 min through both streams: {spent:.0f} CPU s; most resident {told}; wanted ≤ 1200", flush=True)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


class LastDecoder(QueryDecoder):
    """As published: the query behind its masks, where a causal net's masks cannot hear it."""

    def forward(self, queries: Tensor, window: int) -> Tensor:
        heads = self.project_in(queries)[:, :, None]
        rows = torch.cat([self.mask.expand(*heads.shape[:2], window, -1), heads], dim=2).flatten(1, 2)
        return self.transformer(rows).unflatten(1, (-1, window + 1))[:, :, :-1].flatten(1, 2)


def toy() -> None:
    """Mean squared error of what comes out, in the variance of what goes in, over the last 50 of 500 steps."""
    for kind, decoder in (("first", QueryDecoder), ("last, as published", LastDecoder)):
        print(f"smooth latents, query {kind}: error {toy_error(decoder):.3f}; wanted ≤ 0.05 with the query first")


def toy_error(make: type[QueryDecoder], *, dim: int = 64, frames: int = 60, steps: int = 500, last: int = 50) -> float:
    torch.manual_seed(0)
    sizes = QueryNetConfig(width=dim, layers=2, heads=4, attention=16)
    nets = torch.nn.ModuleList([QueryEncoder(sizes, dim=dim), make(sizes, dim=dim), torch.nn.Linear(dim, dim)])
    optimiser = torch.optim.AdamW(nets.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    errors: list[float] = []
    for _ in range(steps):
        latents = smooth(16, frames, dim)
        made = latents
        for net in nets:
            made = net(made) if isinstance(net, torch.nn.Linear) else net(made, WINDOW)
        error = (made - latents).square().mean() / latents.var()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        schedule.step()
        errors.append(float(error.detach()))
    return sum(errors[-last:]) / last


def smooth(batch: int, frames: int, dim: int) -> Tensor:
    """White noise through a Hann window of five frames."""
    weights = torch.hann_window(7, periodic=False)[1:-1]
    weights = (weights / weights.norm()).expand(dim, 1, 5)
    return functional.conv1d(torch.randn(batch, dim, frames + 4), weights, groups=dim).mT


def step() -> None:
    """A step of 4 x 1 s in which judges learn, ours as the recipe does it and the published way."""
    plain, crops = learner("32")
    with as_published():
        published = least(partial(published_step, plain, crops, masked_decoder()))
    print(f"training step, 4 x 1 s, six judges learning: as published {published:.2f} CPU s", flush=True)
    for seconds, heard in ((0.0, "all"), (0.5, "half")):
        recipe, crops = learner("auto", seconds)
        own = least(partial(recipe.step, crops, LATE))
        told = f"judges hear {heard} of each crop: {own:.2f} ({published / own:.1f} x)"
        print(f"  {recipe.engine.precision}, {told}; wanted ≥ 2 x in one of both", flush=True)


def learner(precision: Literal["auto", "32"], heard: float = 0.0) -> tuple[ALMTokenizerRecipe, Crops]:
    """The published sizes of net and judges; they learn in every step, from `heard` seconds of each crop."""
    config = load_settings(ALMTokenizerConfig, find_preset("almtokenizer/reference")[1])
    changes = {
        "train": config.train.model_copy(update={"batch": 4}),
        "judge": JudgeConfig(kind="mel", seconds=heard),
        "engine": config.engine.model_copy(update={"precision": precision, "accelerator": "cpu"}),
    }
    recipe = ALMTokenizerRecipe(config.model_copy(update=changes), [noise(3).samples[0] for _ in range(4)])
    scatter(recipe.net)
    crops = recipe.batch(LATE)
    return recipe, Crops(crops.sound, crops.lengths, WINDOW, recipe.net.config.codes.codebooks)


def masked_decoder() -> Transformer:
    sizes = TransformerSettings(width=NET.width, layers=6, heads=8, window=1, hidden=512)
    return Transformer(sizes)


def published_step(recipe: ALMTokenizerRecipe, crops: Crops, masked: Transformer) -> None:
    """In full precision: a second pass for hidden frames, judges asked for real and made sound in turn, and again."""
    adversary = recipe.adversary
    assert adversary is not None
    judges, own = adversary.adversary.discriminator.train(), adversary.adversary.optimiser
    recipe.learning.train()
    learnt = recipe.learning(crops.sound, crops.window)
    wanted, made = learnt.rebuilt.wanted, learnt.rebuilt.sound
    hidden = (torch.rand(wanted.shape[:2]) < 0.3)[..., None]
    again = recipe.net.encoder(wanted * ~hidden, crops.window)
    told = masked(again.repeat_interleave(crops.window, dim=1), present=torch.ones(wanted.shape[:2], dtype=torch.bool))
    error = ((told - wanted) * hidden).square().mean()
    real, fake = (judges(sound) for sound in (crops.sound, made.detach()))
    loss = hinge_discriminator(*([verdict.score for verdict in each] for each in (real, fake)))
    own.zero_grad()
    loss.backward()
    own.step()
    judges.requires_grad_(False)
    with torch.no_grad():
        real = judges(crops.sound)
    fake = judges(made)
    features = relative_feature_matching(*([verdict.features for verdict in each] for each in (real, fake)))
    losses = {**recipe.objective.losses(learnt.rebuilt, crops), "adversarial": hinge_generator([v.score for v in fake])}
    recipe.optimiser.zero_grad()
    (recipe.objective.total({**losses, "features": features}) + 0.1 * error).backward()
    recipe.optimiser.step()
    judges.requires_grad_(True)


if __name__ == "__main__":
    main()
