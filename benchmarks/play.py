"""How soon and how surely a language model is heard while it makes sound, beside the same made before it is heard.

Models and codecs of the shipped sizes with random weights, which cost what learnt ones cost; one thread. For each pair:

- offline: `generate`'s way, all codes first, then all sound; live: the same samples piece by piece, to nowhere;
  both in times real time, from CPU seconds, as others work on the machine too;
- first audio: from the first step until the first sample, in milliseconds of CPU and of the clock;
- held: the most sound that the codec keeps back until it has heard what comes after it, and what a turned knob waits
  for at most until it is heard: that, and what is kept ready (`--ahead`);
- underruns of a device that takes sound in real time, blocks of a hundredth of a second, and the knob's measured wait.

    python benchmarks/play.py [SECONDS, 10 by default]
"""

import sys
import time
from collections.abc import Callable, Iterator
from threading import Timer

import torch

from smalti.config import load_settings
from smalti.core import Codec, Condition, Parameter, Schema
from smalti.generate import Knobs, Sampling, block_frames, course, generate
from smalti.nn.token_lm import TokenTransformer
from smalti.play import NullDevice, Played, SoundQueue, play
from smalti.systems.almtokenizer import ALMTokenizer, ALMTokenizerConfig
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.dac import DAC, DACConfig, DACNet
from smalti.systems.melvqvae import MelAutoencoder, MelVQVAE, MelVQVAEConfig
from smalti.systems.melvqvae.vocoder import griffin_lim_vocoder
from smalti.systems.playing import sound_of
from smalti.systems.registry import find_preset
from smalti.systems.synthformer import SynthformerConfig, build_synthformer
from smalti.transcode import decoder_stream

SCHEMA = Schema(tuple("abcdefgh"), tuple(Parameter(name="rate", label=label) for label in "abcdefgh"))
AHEAD = 0.075  # seconds, what `--ahead` is by default


def mel_codec(preset: str) -> MelVQVAE:
    config = load_settings(MelVQVAEConfig, find_preset(preset)[1])
    model = MelAutoencoder(config.model).eval()
    return MelVQVAE(model, griffin_lim_vocoder(config.vocoder, model.picture))


def quick_codec(preset: str) -> Codec:
    return mel_codec(preset).quick()


def query_codec(preset: str) -> Codec:
    return ALMTokenizer(QueryNet(load_settings(ALMTokenizerConfig, find_preset(preset)[1]).model).eval())


def dac_codec(preset: str) -> Codec:
    return DAC(DACNet(load_settings(DACConfig, find_preset(preset)[1]).model).eval(), codebooks=4)


PAIRS: tuple[tuple[str, str, Callable[[str], Codec]], ...] = (
    ("synthformer/tiny", "melvqvae/textures", mel_codec),
    ("synthformer/tiny", "melvqvae/textures", quick_codec),
    ("synthformer/tiny", "almtokenizer/tiny", query_codec),
    ("synthformer/small", "almtokenizer/tiny", query_codec),
    ("synthformer/tiny", "dac/tiny", dac_codec),
    ("synthformer/small", "dac/tiny", dac_codec),
)


def model_of(preset: str, codec: Codec) -> TokenTransformer:
    config = load_settings(SynthformerConfig, find_preset(preset)[1])
    model = build_synthformer(config, spec=codec.spec, schema=SCHEMA).eval()
    torch.nn.init.normal_(model.transformer.modulation.project.weight, std=0.02)
    return model


def asked(codec: Codec, seconds: float | None) -> Condition:
    return course(SCHEMA, label="a", settings=(), seconds=seconds, frame_rate=codec.spec.frame_rate)


def pieces_of(lm: TokenTransformer, codec: Codec, seconds: float | None) -> tuple[Knobs, Iterator[torch.Tensor]]:
    knobs = Knobs(SCHEMA, asked(codec, seconds), sampling=Sampling())
    return knobs, sound_of(lm, codec, knobs, seconds=seconds, seed=0)


def offline(lm: TokenTransformer, codec: Codec, seconds: float) -> tuple[float, float]:
    """CPU seconds of codes, and of sound."""
    begin = time.process_time()
    codes = generate(lm, asked(codec, seconds), sampling=Sampling(), seeds=[0])[0]
    between = time.process_time()
    stream = decoder_stream(codec)
    for block in codes.split(block_frames(codec.spec), dim=1):
        stream.push(block)
    stream.flush()
    return between - begin, time.process_time() - between


def first_audio(lm: TokenTransformer, codec: Codec) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock, the best of three, each a model's first."""
    found: list[tuple[float, float]] = []
    for _ in range(3):
        _, pieces = pieces_of(lm, codec, None)
        cpu, clock = time.process_time(), time.perf_counter()
        next(piece for piece in pieces if len(piece))
        found.append((1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - clock)))
    return min(found)


def live(lm: TokenTransformer, codec: Codec, seconds: float) -> float:
    """CPU seconds."""
    begin = time.process_time()
    for _ in pieces_of(lm, codec, seconds)[1]:
        pass
    return time.process_time() - begin


def held(codec: Codec) -> float:
    """Seconds."""
    spec, stream, given, most = codec.spec, decoder_stream(codec), 0, 0
    block = block_frames(spec)
    for count in range(block, 40 * block + round(8 * spec.frame_rate), block):
        most = max(most, count * spec.hop - given)
        given += len(stream.push(torch.zeros(spec.codebooks, block, dtype=torch.int64)))
    return most / spec.sample_rate


def paced(lm: TokenTransformer, codec: Codec, seconds: float) -> tuple[Played, list[float]]:
    """How playing to a device went, and how long turned knobs waited, in milliseconds."""
    spec = codec.spec
    knobs, pieces = pieces_of(lm, codec, seconds)
    sound = SoundQueue(ahead=round(AHEAD * spec.sample_rate), heard=lambda taken: knobs.hear(taken / spec.hop))
    turns = [Timer(second, knobs.nudge, ("rate", 0.01)) for second in range(1, round(seconds) - 4)]
    for turn in turns:
        turn.start()
    played = play(pieces, sound, NullDevice(), sample_rate=spec.sample_rate)
    return played, [1000 * (turn.heard - turn.at) for turn in knobs.turns() if turn.heard is not None]


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    for model, preset, build in PAIRS:
        torch.manual_seed(0)
        codec = build(preset)
        lm, spec = model_of(model, codec), codec.spec
        live(lm, codec, 1.0)
        codes, sound = offline(lm, codec, seconds)
        streamed = live(lm, codec, seconds)
        cpu, clock = first_audio(lm, codec)
        wait, name = held(codec), preset + ", quick" * (build is quick_codec)
        played, waits = paced(lm, codec, seconds)
        print(
            f"{model} + {name}, {spec.frame_rate:.1f} frames of {spec.codebooks} codes a second:\n"
            f"  offline {seconds / (codes + sound):.1f} × real time (codes {seconds / codes:.1f}, sound "
            f"{seconds / sound:.1f}), live {seconds / streamed:.1f} ×\n"
            f"  first audio after {cpu:.0f} ms of CPU ({clock:.0f} ms); the codec keeps {1000 * wait:.0f} ms at most, "
            f"a knob waits {1000 * (wait + AHEAD):.0f} ms at most, measured "
            + (f"{min(waits):.0f}…{max(waits):.0f} ms\n" if waits else "nothing\n")
            + f"  {played.underruns} underruns in {played.samples / spec.sample_rate:.0f} s to a device, "
            f"first audio there after {1000 * (played.first_audio or 0):.0f} ms"
        )


if __name__ == "__main__":
    main()
