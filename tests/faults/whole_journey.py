"""Part of the fault kit: everything that smalti makes, in its smallest form, made in a process of its own.

`python -m faults.whole_journey FOLDER [LEARNER…]` writes runs of all learners (or of those named), tokens, sounds,
reports and manifests below FOLDER. Two of them must be equal, byte for byte, but for what only says when it was made.
"""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from journey import Journey
from learners import LEARNERS
from smalti.data.prepare import prepare
from smalti.data.textures import textures
from smalti.generate import Sampling
from smalti.systems.generation import generate
from smalti.systems.scores import score_codec
from smalti.systems.training import train
from smalti.systems.transcoding import decode, encode

_TIMES = ("seconds", "real_time_factor", "encode_real_time_factor", "decode_real_time_factor")


def main(folder: str, *learners: str) -> None:
    """Make everything below a folder."""
    torch.set_num_threads(1)
    root = Path(folder)
    textures(root / "sounds", clips=6, seconds=0.8, kinds=["pistons", "rain"], sample_rate=22_050)
    made = Journey(**{field.name: root / field.name for field in fields(Journey)})
    for name in learners or LEARNERS:
        preset, overrides, data, run = LEARNERS[name]
        train(preset, data=data(made), out=run(made), overrides=overrides, progress=False)
        if run(made) == made.codec:
            _transcode(root, made)
    if made.lm.exists():
        generate(made.lm, to=root / "generated.wav", seconds=0.5, label="rain", sampling=Sampling(), seeds=(3, 4))
    for readers in (1, 2, 3):
        prepare(made.sounds, root / f"prepared-{readers}.csv", workers=readers)


def _transcode(root: Path, made: Journey) -> None:
    encode(made.codec, data=made.sounds, to=made.tokens, shifts=2)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        encode(made.codec, data=made.sounds, to=root / f"threads-{threads}")
    torch.set_num_threads(1)
    decode(made.codec, made.tokens, to=root / "decoded")
    scores = _timeless(score_codec(made.codec, made.sounds, split="all"))
    (root / "scores.json").write_text(json.dumps(scores, sort_keys=True))


def _timeless(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in _TIMES}


if __name__ == "__main__":
    main(*sys.argv[1:])
