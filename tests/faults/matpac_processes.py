"""Part of the fault kit: a few steps of MATPAC in several processes, the first of which tells what it came to."""

import sys
from pathlib import Path

import torch

from journey import TINY_MATPAC_PLUS
from smalti.config import load_settings
from smalti.store import save_weights
from smalti.systems import matpac as room
from smalti.systems.matpac import MatpacConfig, MatpacRecipe
from smalti.train import Engine, EngineSettings

CROPS = 4


def main(folder: str, devices: str) -> None:
    """Train on the same crops a step in so many processes and write FOLDER/RANK.safetensors and FOLDER/signs.txt."""
    torch.set_num_threads(1)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32", devices=int(devices))).launch()
    path = Path(room.__file__).parent / "presets" / "micro.toml"
    brief = (*TINY_MATPAC_PLUS, f"train.batch={CROPS // int(devices)}", "train.matrix_rate=0", "cadence.log=1")
    config = load_settings(MatpacConfig, path, brief)
    generator = torch.Generator().manual_seed(5)
    waves = [torch.randn(count, generator=generator) for count in (900, 4000, 5000, 7000, 12000)]
    recipe = MatpacRecipe(config, waves, engine=engine)
    told: list[str] = []
    for step in range(config.train.steps):
        found = recipe.step(recipe.batch(step), step)
        told.append(" ".join(f"{found[name]:.4f}" for name in ("teacher_std", "perplexity", "agreement", "winner_0")))
    tensors = {name: value for name, value in recipe.learning.state_dict().items() if value.is_floating_point()}
    save_weights(Path(folder) / f"{engine.rank}.safetensors", tensors, {"system": "matpac"})
    if engine.is_main:
        (Path(folder) / "signs.txt").write_text("\n".join(told), "utf-8")
    engine.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
