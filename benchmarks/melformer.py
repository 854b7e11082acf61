"""What the mixture buys: melformer with either head learns pistons, wind and rain; generated at values held out.

210 clips of 4 seconds a kind, 500 steps of `melformer/tiny`, then three sounds for each of the four values never
trained on, through Griffin-Lim. Spearman's rank correlation of what was asked and what the estimators hear, the median
error, and how far a level moves from frame to frame, beside those of the true clips' own frames. Then CPU milliseconds
of a frame, early and late. About ten CPU minutes.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from smalti.audio import read
from smalti.core import Condition
from smalti.data.manifest import Manifest
from smalti.data.textures import estimate, textures
from smalti.data.textures.kinds import texture
from smalti.data.textures.scores import score
from smalti.features import MEL_PRESETS, FrameLM, hop_by_hop
from smalti.generate import Sampling, Setting, batch_conditions, condition, generate_frames, stream_frames
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems import load
from smalti.systems.training import train

KINDS = {"pistons": "rate", "wind": "strength", "rain": "rate"}
PICTURE, SECONDS, EACH, LATE = MEL_PRESETS["wide"], 4.0, 3, 2000


def held_out(manifest: Manifest, kind: str) -> dict[float, list[Path]]:
    """Values never trained on, and the clips that have them."""
    found: dict[float, list[Path]] = {}
    for row, (label, value) in enumerate(zip(manifest.labels(), manifest.values(KINDS[kind]), strict=True)):
        if label == kind:
            found.setdefault(float(value), []).append(manifest.path(row))
    return found


@torch.no_grad()
def made(lm: FrameLM, kind: str, value: float, sampling: Sampling) -> torch.Tensor:
    rate = PICTURE.sample_rate / PICTURE.hop
    asked = condition(
        lm.schema, label=kind, settings=[Setting(KINDS[kind], (value,))], seconds=SECONDS, frame_rate=rate
    )
    return generate_frames(lm, batch_conditions([asked] * EACH), sampling=sampling, seeds=range(EACH))


def true(paths: list[Path]) -> torch.Tensor:
    sounds = [read(path, sample_rate=PICTURE.sample_rate).samples for path in paths[:EACH]]
    return torch.cat([hop_by_hop(sound, PICTURE) for sound in sounds])


def report(name: str, kind: str, frames: Mapping[float, torch.Tensor]) -> None:
    vocoder, pairs = GriffinLimVocoder(PICTURE, iterations=16), list[tuple[float, float]]()
    for value, batch in frames.items():
        for picture in batch:
            stream = vocoder.stream()
            sound = torch.cat([stream.push(picture), stream.flush()])
            pairs.append((value, estimate(kind, KINDS[kind], sound, PICTURE.sample_rate)))
    found = score(pairs, unit=texture(kind).parameter(KINDS[kind]).unit)
    every = torch.cat(list(frames.values()))
    moves = PICTURE.range_db * float((every[:, :, 1:] - every[:, :, :-1]).abs().mean())
    error = f"median error {found.median_error:8.1f} {found.unit}"
    print(f"{name:<16} {kind:<8} Spearman {found.spearman:6.2f}  {error:<36} moves {moves:.2f} dB")


def milliseconds(lm: FrameLM, batch: int) -> list[float]:
    """CPU time of a frame, beside the first and beside frame LATE."""
    asked = Condition.empty(batch, 1, len(lm.schema.parameters))
    frames = stream_frames(lm, lambda _: asked, sampling=Sampling(), seeds=range(batch))
    found: list[float] = []
    for skipped in (200, LATE - 400):
        next(itertools.islice(frames, skipped, None))
        begun = time.process_time()
        next(itertools.islice(frames, 199, None))
        found.append(5 * (time.process_time() - begun))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500, help="that each head learns")
    parser.add_argument("--clips", type=int, default=210, help="of each kind")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        textures(place / "sounds", clips=asked.clips, seconds=SECONDS, kinds=[*KINDS], seed=1)
        test = Manifest.read(place / "sounds").split("test")
        for kind in KINDS:
            report("true frames", kind, {value: true(paths) for value, paths in held_out(test, kind).items()})
        for head in ("mixture", "regression"):
            settings = [f"model.head={head}", f"train.steps={asked.steps}", "train.average=0.98"]
            settings.append(f"cadence.evaluate={asked.steps}")
            train("melformer/tiny", data=place / "sounds", out=place / head, overrides=settings, progress=False)
            lm = load(place / head)
            assert isinstance(lm, FrameLM)
            for temperature in (1.0, 0.5) if head == "mixture" else (1.0,):
                sampling = Sampling(temperature=temperature)
                for kind in KINDS:
                    values = held_out(test, kind)
                    report(f"{head} {temperature}", kind, {value: made(lm, kind, value, sampling) for value in values})
            for batch in (1, 8):
                early, late = milliseconds(lm, batch)
                print(f"{head}: batch {batch}, a frame takes {early:.2f} ms, at frame {LATE} {late:.2f} ms")


if __name__ == "__main__":
    sys.exit(main())
