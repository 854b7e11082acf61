"""Part of the fault kit: the smallest recipe that has everything a resume can lose, and a command line to train it."""

import sys
import time
from pathlib import Path

import torch
from torch import nn

from smalti.config import mix
from smalti.core import Audio
from smalti.store import Weights
from smalti.train import (
    Cadence,
    Engine,
    EngineSettings,
    Interrupted,
    RunFolder,
    Samples,
    Schedule,
    fit,
    set_rate,
    update,
)

STEPS = 30
CADENCE = Cadence(log=1, evaluate=12, checkpoint=4)


class TinyRecipe:
    """Regression with dropout, AdamW, a schedule and an average of the weights.

    Args:
        bad: steps at which the loss is NaN.
        wait: a file; every step takes ten milliseconds while it exists.
    """

    def __init__(self, engine, *, seed=3, steps=STEPS, bad=(), wait=None):
        torch.manual_seed(mix(seed))
        self.engine, self.seed, self.bad, self.wait = engine, seed, bad, wait
        model = nn.Sequential(nn.Linear(5, 11), nn.GELU(), nn.Dropout(0.3), nn.Linear(11, 3))
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
        self.model, self.optimiser = engine.setup(model, optimiser)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.rate = Schedule(peak=1e-2, warmup=0.2, shape="cosine").resolve(steps)
        self.seen = []

    def batch(self, step):
        generator = torch.Generator().manual_seed(mix(self.seed, step))
        inputs = torch.randn(4, 5, generator=generator)[self.engine.rank :: self.engine.world]
        return inputs, inputs[:, :3].sin()

    def step(self, batch, step):
        if self.wait is not None and self.wait.exists():
            time.sleep(0.01)
        self.seen.append(step)
        inputs, targets = self.engine.move(batch)
        set_rate(self.optimiser, self.rate.at(step))
        with self.engine.autocast():
            found = self.model(inputs)
        loss = (found.float() - targets).square().mean()
        if step in self.bad:
            loss = loss * float("nan")
        if update(loss, parameters=self.model.parameters(), optimiser=self.optimiser, engine=self.engine, clip=1.0):
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 0.1)
        return {"loss": float(loss.detach())}

    def clips(self, step):
        return [f"clip{step}.wav"]

    def evaluate(self):
        self.model.eval()
        inputs = torch.randn(64, 5)
        loss = (self.model(inputs).float() - inputs[:, :3].sin()).square().mean()
        self.model.train()
        return {"loss": float(loss)}

    def samples(self):
        return Samples(
            images={"mel": torch.rand(6, 9)}, audio={"noise/original": Audio.single(torch.rand(400) - 0.5, 8000)}
        )

    def state_dict(self):
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
        }

    def load_state_dict(self, state):
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = dict(state["average"])

    def weights(self):
        return Weights(dict(self.average), {"system": "tiny"})


def main(folder: str, *options: str) -> None:
    """Train into a folder; options: --resume, --devices=N."""
    torch.set_num_threads(1)
    resume = "--resume" in options
    devices = next((int(one.partition("=")[2]) for one in options if one.startswith("--devices=")), 1)
    engine = Engine(EngineSettings(accelerator="cpu", precision="32", devices=devices)).launch()
    path = Path(folder)
    run = RunFolder.start(path, "seed = 3\n", resume=resume) if engine.is_main else RunFolder(path)
    recipe = TinyRecipe(engine, wait=path.with_name("slow"))
    try:
        fit(recipe, steps=STEPS, run=run, engine=engine, seed=3, cadence=CADENCE, resume=resume, progress=False)
    except Interrupted as stopped:
        sys.exit(stopped.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
