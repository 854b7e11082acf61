"""Numbers that change over a run, as fractions of it, so that a longer run is the same run in slow motion."""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from smalti.config import Settings

Shape = Literal["constant", "linear", "cosine"]


class Schedule(Settings):
    """A number that rises from `start` to `peak` in a straight line, then goes to `final` in some shape."""

    peak: float
    start: float = 0.0
    final: float = 0.0
    warmup: float = Field(default=0.0, ge=0, le=1, description="fraction of the run until the peak")
    shape: Shape = "constant"

    def resolve(self, steps: int) -> "ResolvedSchedule":
        """The same, for a run of so many steps."""
        return ResolvedSchedule(self, steps, round(self.warmup * steps))


@dataclass(frozen=True, slots=True)
class ResolvedSchedule:
    """A schedule in steps.

    Attributes:
        schedule: what was asked for.
        steps: of the whole run.
        warmup_steps: steps until the peak.
    """

    schedule: Schedule
    steps: int
    warmup_steps: int

    def at(self, step: int) -> float:
        """The value for a step, 0…steps-1. Step 0 of a warm-up of 4 is a quarter of the way up, as step 3 is the peak.

        The last step is one short of `final`, as the run ends there.
        """
        asked = self.schedule
        if step < self.warmup_steps:
            return asked.start + (asked.peak - asked.start) * (step + 1) / self.warmup_steps
        position = min((step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1), 1.0)
        if asked.shape == "cosine":
            position = (1 - math.cos(math.pi * position)) / 2
        elif asked.shape == "constant":
            position = 0.0
        return asked.peak + (asked.final - asked.peak) * position

    def __str__(self) -> str:
        asked = self.schedule
        rise = f"{asked.start:g} → {asked.peak:g} until step {self.warmup_steps}" if self.warmup_steps else ""
        fall = f"{asked.shape} → {asked.final:g} until step {self.steps}" if asked.shape != "constant" else ""
        return ", ".join(part for part in (rise or f"{asked.peak:g}", fall) if part)
