"""Row B4, the part that only a codec which has learnt can keep: silence stays silent, alone and amid sound.

What these codecs learn from never pauses, so nothing but the product's own care teaches them silence.
"""

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from statistics import fmean

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from faults.rows import Plant, figure
from smalti.audio import read, write
from smalti.core import Audio, Codec
from smalti.data.manifest import Manifest
from smalti.data.textures import textures
from smalti.systems.registry import load_codec
from smalti.systems.training import train

_RATE = 22_050
_LOUDEST = -60.0  # dBFS, root mean square of any moment
_MOMENT = 0.1  # seconds
_EDGE = 0.25  # seconds beside a sound, in which it may still ring
_AWAY = 10.0  # dB, in the mean, that sounds may be louder or softer than they were; what says nothing has not learnt

LEARNERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "melvqvae": ("melvqvae/textures", ("train.steps=800",)),
    "melvqvae grid": ("melvqvae/tiny", ("train.steps=800",)),
    "almtokenizer": (
        "almtokenizer/tiny",
        ("train.steps=360", "train.batch=4", "train.crop=0.5", "train.sound_from=0.25"),
    ),
    "dac": ("dac/tiny", ("train.steps=250",)),
}
"""By a name, the preset and how it learns enough within 30 to 75 seconds of one core."""


def restless(folder: Path) -> Manifest:
    """Recordings that never pause, with those that are kept out of training."""
    textures(folder, clips=8, seconds=2.0, kinds=["rain", "wind", "bees"], sample_rate=_RATE)
    return Manifest.read(folder / "manifest.csv")


def learnt_codec(name: str, sounds: Path, out: Path) -> Codec:
    """The codec of that name after it has learnt these recordings."""
    preset, settings = LEARNERS[name]
    rare = ("cadence.evaluate=1000000", "cadence.checkpoint=1000000")
    train(preset, data=sounds / "manifest.csv", out=out, overrides=[*settings, *rare], progress=False)
    return load_codec(out)


def prove_silence(name: str, codec: Codec, sounds: Sequence[Path], folder: Path) -> None:
    """Give a codec a tenth of a second of silence, two seconds, and as many between sounds; as files, as users do.

    Args:
        name: of the codec.
        codec: that has learnt enough for sounds to come back about as loud as they were.
        sounds: of a second at least, which it has not heard.
        folder: for files.
    """
    rate = codec.spec.sample_rate
    silence, edge, found, away = torch.zeros(2 * rate), round(_EDGE * rate), dict[str, float](), list[float]()
    for seconds in (_MOMENT, 2.0):
        found[f"{seconds} s"] = loudest(_through(codec, silence[: round(seconds * rate)], folder), rate)
    for path in sounds:
        sound = read(path, sample_rate=rate).samples[0, :rate]
        heard = _through(codec, torch.cat([sound, silence, sound]), folder)
        away += [decibels(part) - decibels(sound) for part in (heard[:rate], heard[-rate:])]
        found[f"amid {path.stem}"] = loudest(heard[rate + edge : -rate - edge], rate)
    learnt, most = fmean(map(abs, away)), max(found.values())
    assert learnt <= _AWAY, f"{name} has learnt too little: sounds come back {learnt:.1f} dB away, {away}"
    assert most < _LOUDEST, f"{name}: {found} dBFS"
    figure("B4", f"silence ≤ {most:.0f} dBFS RMS in any {_MOMENT} s ({name})")


def decibels(samples: Float[Tensor, " sample"]) -> float:
    """Root mean square in dBFS, -200 or more: full scale is ±1."""
    return 10 * math.log10(max(float(samples.double().square().mean()), 1e-20))


def loudest(samples: Float[Tensor, " sample"], rate: int) -> float:
    """The level in dBFS of the loudest tenth of a second, looked at every hundredth."""
    moments = samples.unfold(0, round(_MOMENT * rate), round(_MOMENT * rate / 10))
    return max(decibels(moment) for moment in moments)


def _through(codec: Codec, samples: Float[Tensor, " sample"], folder: Path) -> Float[Tensor, " sample"]:
    path = folder / "silence.wav"
    write(path, Audio.single(samples, codec.spec.sample_rate))
    decoded = codec.decode(codec.encode(read(path, sample_rate=codec.spec.sample_rate))).samples[0]
    assert decoded.shape == samples.shape, f"{len(decoded)} samples of {len(samples)}"
    return decoded


def _learn_and_prove(name: str, folder: Path) -> None:
    held_out = restless(folder / "sounds").split("test").paths()
    prove_silence(name, learnt_codec(name, folder / "sounds", folder / "run"), held_out, folder)


def _hiss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pull a net back to the floor of a picture from below it, and take what is hardly above it as it is."""
    monkeypatch.setattr("smalti.losses.spectral._away", lambda found, wanted: found - wanted)
    monkeypatch.setattr(import_module("smalti.features.mel"), "_RISE_DB", 1e-6)  # its package has a function `mel`


PLANTS = [
    Plant(
        "B4",
        "showing crops of silence",
        lambda monkeypatch: monkeypatch.setitem(LEARNERS, "dac", ("dac/tiny", (*LEARNERS["dac"][1], "train.silent=0"))),
        lambda folder: _learn_and_prove("dac", folder),
        slow=True,
    ),
    Plant(
        "B4",
        "taking all about the floor of a picture for silence",
        _hiss,
        lambda folder: _learn_and_prove("melvqvae", folder),
        slow=True,
    ),
]
