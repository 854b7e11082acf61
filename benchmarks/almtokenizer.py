"""What the query codec costs beside its peers, in one run: CPU seconds of one thread, the least of three after a warm-up.

    python benchmarks/almtokenizer.py [cost] [stream] [toy] [step]

cost    encode and decode of 10 and 30 s: the published sizes, the same net with dense attention as published, `tiny`,
        and transformers' EnCodec and Mimi of their standard sizes, all with random weights
stream  ten minutes through both streams, and what that takes of memory
toy     how well smooth latents pass through query nets, queries first and last in the decoder's groups
step    one step of training at the published sizes beside the published way to compute it
"""

import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from smalti.config import load_settings
from smalti.core import Audio, Tokens
from smalti.nn import attention
from smalti.systems.almtokenizer import ALMTokenizer, ALMTokenizerConfig, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig
from smalti.systems.registry import find_preset

RATE, WINDOW = 24_000, 3
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
    parts = {"cost": cost}
    for name in sys.argv[1:] or parts:
        parts[name]()


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
    torch.manual_seed(0)
    return ALMTokenizer(QueryNet(config).eval())


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
    slow, remark = dense(published, short)
    times = " and ".join(f"{theirs / own:.1f} x" for theirs, own in zip(slow, ours, strict=True))
    row("  the same with dense attention as published", 10, *slow, f"{times}, wanted ≥ 4 x; {remark}")
    tiny = codec(load_settings(ALMTokenizerConfig, find_preset("almtokenizer/tiny")[1]).model)
    for window in (2, 6):
        row(f"tiny, w={window}", 10, *both(tiny.at(window=window), short), "wanted ≤ 0.12, ≤ 0.20")
    for name, encode, decode in peers(short.samples[:, None]):
        row(name, 10, encode, decode)


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
    with dense_attention():
        codes = encode()
        spent = least(encode), least(decode)
        apart = float((decode()[:, : heard.shape[1]] - heard).abs().max())
    return spent, f"{float((codes == tokens.codes).float().mean()):.2%} of codes equal, sound within {apart:.0e}"


@contextmanager
def dense_attention() -> Iterator[None]:
    """Every query against every key, a mask of all pairs made anew, heads as items of the batch."""

    def every(queries: Tensor, keys: Tensor, values: Tensor, *, window: int, past: None = None) -> Tensor:
        batch, heads, count, _ = queries.shape
        seen = attention.band(count, window, queries.device)
        queries, keys, values = (each.flatten(0, 1) for each in (queries, keys, values))
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
        return mixed.unflatten(0, (batch, heads))

    banded, attention.banded_attention = attention.banded_attention, every
    try:
        yield
    finally:
        attention.banded_attention = banded


if __name__ == "__main__":
    main()
