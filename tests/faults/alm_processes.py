"""Part of the fault kit: a few steps of an almtokenizer preset in two processes, each of which tells what it did."""

import hashlib
import json
import sys
from pathlib import Path

import torch

from journey import TINY_ALM, TINY_ALM_STAGE1, TINY_ALM_STAGE2
from smalti.config import load_settings
from smalti.systems import almtokenizer as room
from smalti.systems.almtokenizer import ALMTokenizerConfig, ALMTokenizerRecipe
from smalti.train import Engine, EngineSettings

_TINY = {"tiny": TINY_ALM, "stage1": TINY_ALM_STAGE1, "stage2": TINY_ALM_STAGE2}


def main(preset: str, folder: str) -> None:
    """Train a preset in its smallest form and write FOLDER/RANK.json."""
    torch.set_num_threads(1)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32", devices=2)).launch()
    path = Path(room.__file__).parent / "presets" / f"{preset}.toml"
    config = load_settings(ALMTokenizerConfig, path, _TINY[preset])
    time = torch.arange(9000) / config.model.sample_rate
    waves = [torch.sin(6.28 * hertz * time) for hertz in (110.0, 300.0, 440.0, 700.0, 900.0, 1300.0)]
    recipe = ALMTokenizerRecipe(config, waves, engine=engine)
    told: dict[str, list[object]] = {"windows": [], "clips": []}
    for step in range(config.train.steps):
        torch.manual_seed(2 * step + engine.rank)
        told["windows"].append(recipe.step(recipe.batch(step), step)["window"])
        told["clips"].append(recipe.clips(step))
    state = {**recipe.learning.state_dict()}
    if recipe.adversary is not None:
        state |= recipe.adversary.adversary.discriminator.state_dict()
    whole = b"".join(value.numpy().tobytes() for value in state.values())
    words = {**told, "weights": hashlib.sha256(whole).hexdigest()}
    (Path(folder) / f"{engine.rank}.json").write_text(json.dumps(words), "utf-8")
    engine.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
