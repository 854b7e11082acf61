"""What changes over a run, resolved to steps once: so the same settings are the same run in slow or quick motion."""

from collections.abc import Mapping
from dataclasses import dataclass

from smalti.systems.matpac.config import MatpacConfig
from smalti.train import ResolvedSchedule, Schedule


@dataclass(frozen=True, slots=True)
class ChoiceTemperature:
    """The temperature of the choice between guesses: falls by the same factor every step, then is 0.

    Attributes:
        start: at step 0.
        factor: of every step.
        steps: from this step on the best guess learns alone.
    """

    start: float
    factor: float
    steps: int

    def at(self, step: int) -> float:
        """The value for a step."""
        return 0.0 if step >= self.steps else self.start * self.factor**step

    def __str__(self) -> str:
        return f"{self.start:g} · {self.factor:.8g}^step until step {self.steps}, then 0"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run in steps.

    Attributes:
        steps: of the whole run.
        rate: learning rate.
        decay: of the teacher.
        head_decay: of the teacher's prototype head.
        teacher_temperature: of its assignments.
        choice: temperature of the choice between guesses.
    """

    steps: int
    rate: ResolvedSchedule
    decay: ResolvedSchedule
    head_decay: ResolvedSchedule
    teacher_temperature: ResolvedSchedule
    choice: ChoiceTemperature

    def table(self) -> Mapping[str, str]:
        """The same for people, as it is told at the beginning and kept in the run."""
        named = {
            "learning rate": self.rate,
            "decay of the teacher": self.decay,
            "decay of its head": self.head_decay,
            "temperature of its assignments": self.teacher_temperature,
            "temperature of choices": self.choice,
        }
        return {"steps": str(self.steps), **{name: str(schedule) for name, schedule in named.items()}}


def resolve(config: MatpacConfig, *, samples: int, devices: int = 1) -> Plan:
    """The plan of a run.

    Args:
        config: of the run.
        samples: crops of an epoch.
        devices: processes, each with batches of its own.
    """
    train, teacher, prototypes = config.train, config.teacher, config.prototypes
    steps = run_steps(train.epochs, samples=samples, together=train.batch * devices) if train.epochs else train.steps
    rate = Schedule(
        peak=train.learning_rate, final=train.final_rate, warmup=_share(train.warmup, steps), shape="cosine"
    )
    cold, warm = prototypes.teacher_temperature
    temperature = Schedule(start=cold, peak=warm, warmup=_share(prototypes.warmup, steps))
    decays = [Schedule(peak=first, final=last, shape="linear") for first, last in (teacher.decay, prototypes.decay)]
    first, last = config.choices.temperature
    until = max(_share(config.choices.until, steps) * steps, 1.0)
    return Plan(
        steps=steps,
        rate=rate.resolve(steps),
        decay=decays[0].resolve(steps),
        head_decay=decays[1].resolve(steps),
        teacher_temperature=temperature.resolve(steps),
        choice=ChoiceTemperature(first, (last / first) ** (1 / until), round(until)),
    )


def run_steps(epochs: float, *, samples: int, together: int) -> int:
    """Steps in which so many epochs' crops are seen; 300 epochs of 2012615 crops, 2048 together, are 294816.

    At least one. Source: the published configuration; its README's other rule gives 294900.
    """
    return max(int(epochs * samples / together), 1)


def _share(moment: float, steps: int) -> float:
    """A share of the run, of a share or of steps."""
    return moment if moment <= 1 else min(moment / steps, 1.0)
