"""Part of the fault kit: a few steps of DAC in two processes, each of which tells what it came to."""

import hashlib
import json
import sys
from pathlib import Path

import torch

from journey import TINY_DAC
from smalti.config import load_settings
from smalti.systems import dac as room
from smalti.systems.dac import DACConfig, DACRecipe
from smalti.train import Engine, EngineSettings


def main(folder: str) -> None:
    """Train the smallest form of `dac/tiny` and write FOLDER/RANK.json."""
    torch.set_num_threads(1)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32", devices=2)).launch()
    config = load_settings(DACConfig, Path(room.__file__).parent / "presets" / "tiny.toml", TINY_DAC)
    time = torch.arange(9000) / config.model.sample_rate
    recipe = DACRecipe(config, [torch.sin(6.28 * hertz * time) for hertz in (110.0, 300.0, 700.0)], engine=engine)
    began = recipe.net.quantizer.state_dict()["layers.0.codebook.weight"].clone()
    told: list[object] = []
    for step in range(config.train.steps):
        torch.manual_seed(2 * step + engine.rank)
        recipe.step(recipe.batch(step), step)
        told.append(recipe.clips(step))
    assert recipe.adversary is not None
    state = {
        **recipe.learning.state_dict(),
        **recipe.adversary.discriminator.state_dict(),
        **recipe.averages.state_dict(),
    }
    whole = b"".join(value.numpy().tobytes() for value in state.values())
    moved = not torch.equal(began, recipe.net.quantizer.state_dict()["layers.0.codebook.weight"])
    words = {"clips": told, "moved": moved, "weights": hashlib.sha256(whole).hexdigest()}
    (Path(folder) / f"{engine.rank}.json").write_text(json.dumps(words), "utf-8")
    engine.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
