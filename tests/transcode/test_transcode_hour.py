"""An hour of sound needs no more memory than a minute, and begins with the tokens of its beginning."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from journey import Journey
from smalti.audio import AudioWriter
from smalti.store import SmtReader, read_smt

RATE = 44_100
MEASURE = """
import json, resource, sys
from pathlib import Path
import torch
from smalti.systems import load_codec
from smalti.transcode import encode_file

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB

torch.set_num_threads(1)
run, short, long, to = sys.argv[1:]
codec = load_codec(run)
encode_file(codec, Path(short), Path(to + "-short.smt"))  # the model is loaded and warm
before = peak()
encode_file(codec, Path(long), Path(to + ".smt"))
sys.stdout.write(json.dumps(peak() - before))
"""


def write_sound(path: Path, minutes: float) -> None:
    """Bursts of noise, block by block; a shorter file is the beginning of a longer one."""
    noise = torch.randn(10 * RATE, generator=torch.Generator().manual_seed(0)) * 0.1
    with AudioWriter(path, RATE) as writer:
        for block in range(round(minutes * 6)):
            writer.push(noise.roll(997 * block) * (0.2 + 0.8 * (block * 7 % 11) / 11))


@pytest.mark.slow
@pytest.mark.parametrize(
    "codec",
    ["mulaw", *(pytest.param(codec, marks=pytest.mark.faults) for codec in ("melvqvae", "almtokenizer"))],
)
def test_an_hour_needs_no_more_memory_than_ten_minutes_and_begins_alike(
    codec: str, journey: Journey, tmp_path: Path
) -> None:
    write_sound(tmp_path / "ten.wav", 10)
    write_sound(tmp_path / "hour.wav", 60)
    run = {"mulaw": "mulaw", "melvqvae": str(journey.codec), "almtokenizer": str(journey.alm)}[codec]
    arguments = [run, str(tmp_path / "ten.wav"), str(tmp_path / "hour.wav"), str(tmp_path / "hour")]
    done = subprocess.run([sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) <= 300
    short = read_smt(tmp_path / "hour-short.smt").codes[0]
    with SmtReader(tmp_path / "hour.smt") as reader:
        assert reader.samples == 3600 * reader.spec.sample_rate
        blocks = []
        for block in reader.blocks():
            blocks.append(block)
            if sum(one.shape[1] for one in blocks) >= short.shape[1]:
                break
    long = torch.cat(blocks, dim=1)[:, : short.shape[1]]
    # beyond the end of the shorter file there is silence, which its last frames have heard already
    settled = max(1, short.shape[1] - reader.spec.sample_rate // reader.spec.hop)
    assert torch.equal(long[:, :settled], short[:, :settled])
