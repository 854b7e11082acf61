"""The benchmark's plain loop and its encoder hear the same: what is compared is speed alone."""

import runpy
from pathlib import Path

import torch

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "matpac.py"


def test_the_plain_loop_of_the_benchmark_gives_what_the_encoder_gives():
    script = runpy.run_path(str(_SCRIPT))
    ears, audio = script["encoder"](precision="fp32", small=True), script["noise"](3, small=True)
    plain = torch.stack(script["plainly"](ears, audio))
    torch.testing.assert_close(ears.embed(audio).frames, plain, rtol=0, atol=1e-5)


def test_a_training_step_of_the_benchmark_takes_some_time():
    script = runpy.run_path(str(_SCRIPT))
    assert script["step_seconds"]("32", small=True) > 0
