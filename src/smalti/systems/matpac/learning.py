"""All that learns in a step, in one module, with the teacher that follows it.

The student sees the patches that are shown, the teacher those that are hidden, and neither the other's.
"""

import copy
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from smalti.losses import angle_loss, assignment, choice_weights, prototype_loss
from smalti.systems.matpac.config import MatpacConfig
from smalti.systems.matpac.masking import take
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.predictor import Predictor
from smalti.systems.matpac.prototypes import PrototypeHead

Total = Callable[[Tensor], Tensor]
_LEAST_DEVIATION = 1e-5
_PUBLISHED_HEAD = 0.02  # deviation at which the published teacher's head begins, the student's being Xavier-uniform


class Learnt(NamedTuple):
    """What a training pass gives; rows are the hidden patches of all crops. A tuple, which engines can cast.

    Attributes:
        prediction: mean loss of the angles.
        classification: mean loss of the prototypes.
        heard: the teacher's last layer, before it is standardised.
        guess: of each row the best one.
        winner: which one that is.
        teacher_scores: of the prototypes.
        wanted: their shares.
        student_scores: of the best guess.
    """

    prediction: Float[Tensor, ""]
    classification: Float[Tensor, ""]
    heard: Float[Tensor, "row dim"]
    guess: Float[Tensor, "row dim"]
    winner: Int64[Tensor, " row"]
    teacher_scores: Float[Tensor, "row prototype"]
    wanted: Float[Tensor, "row prototype"]
    student_scores: Float[Tensor, "row prototype"]


class LearningNet(nn.Module):
    """Student, predictor, prototypes, and the teacher's frozen counterparts.

    Attributes:
        student: the net that is kept.
        teacher: follows it: the whole net, or, hearing through the student's patches, its transformer.
        centre: what is taken from the teacher's scores.
    """

    centre: Tensor

    def __init__(self, config: MatpacConfig, *, total: Total = lambda sums: sums) -> None:
        """Build everything.

        Args:
            config: of the run.
            total: sums over processes.
        """
        super().__init__()
        self._config, self._total = config, total
        width, own = config.model.encoder.width, config.teacher.patches == "own"
        self.student = EncoderNet(config.model)
        self.predictor = Predictor(
            config.predictor, rows=config.model.rows, width=width, choices=max(config.choices.heads, 1)
        )
        self.head = PrototypeHead(config.prototypes, width=width)
        if config.teacher.begins == "equal":
            self.teacher = copy.deepcopy(self.student if own else self.student.encoder)
            self.teacher_head = copy.deepcopy(self.head)
        else:
            apart = EncoderNet(config.model)
            self.teacher = apart if own else apart.encoder
            self.teacher_head = PrototypeHead(config.prototypes, width=width)
            self.teacher_head.begin(deviation=_PUBLISHED_HEAD)
        self.register_buffer("centre", torch.zeros(config.prototypes.prototypes))
        for frozen in (self.teacher, self.teacher_head):
            frozen.requires_grad_(False)

    def forward(
        self,
        picture: Float[Tensor, "batch band frame"],
        order: Int64[Tensor, "batch token"],
        *,
        shown: int,
        teacher_temperature: float,
        choice_temperature: float,
    ) -> Learnt:
        """One pass.

        Args:
            picture: log-mels, as they are.
            order: the tokens of each crop, those shown first.
            shown: how many they are.
            teacher_temperature: of its assignments.
            choice_temperature: of the choice between guesses.
        """
        tokens = self.student.tokens(self.student.normalise(picture))
        layers = self._heard(picture, tokens, order[:, shown:])
        heard, target = layers[-1], self._target(layers)
        seen = self.student.encoder(self.student.with_class(take(tokens, order[:, :shown])))
        guesses = self.predictor(seen, order, shown=shown).flatten(1, 2)
        losses = angle_loss(guesses, target)
        weights = choice_weights(losses, temperature=choice_temperature)
        winner = losses.detach().argmin(0)
        guess = guesses.gather(0, winner[None, :, None].expand(1, -1, guesses.shape[2]))[0]
        prototypes = self._config.prototypes
        with torch.no_grad():
            teacher_scores = self.teacher_head(target)
            wanted = assignment(teacher_scores, self.centre, temperature=teacher_temperature)
        student_scores = self.head(guess)
        found = prototype_loss(student_scores, wanted, temperature=prototypes.student_temperature)
        prediction = (weights * losses).sum(0).mean()
        return Learnt(
            prediction, found.mean(), heard, guess.detach().float(), winner, teacher_scores, wanted, student_scores
        )

    def learning(self) -> Iterable[nn.Parameter]:
        """What an optimiser steps."""
        return (weight for weight in self.parameters() if weight.requires_grad)

    @torch.no_grad()
    def follow(self, *, decay: float, head_decay: float) -> None:
        """The teacher goes a step after the student."""
        own = self._config.teacher.patches == "own"
        student = self.student if own else self.student.encoder
        for behind, ahead, share in ((self.teacher, student, decay), (self.teacher_head, self.head, head_decay)):
            get_ema_multi_avg_fn(share)([*behind.parameters()], [*ahead.parameters()], 0)

    @torch.no_grad()
    def recentre(self, learnt: Learnt) -> None:
        """Move the centre towards the mean of this step's scores, or shares, in all processes."""
        of_logits = self._config.prototypes.centre == "logits"
        rows = learnt.teacher_scores if of_logits else learnt.wanted
        sums = self._total(torch.cat([rows.sum(0), rows.new_full((1,), len(rows))]))
        self.centre.lerp_(sums[:-1] / sums[-1], 1 - self._config.prototypes.momentum)

    @torch.no_grad()
    def _heard(self, picture: Tensor, tokens: Tensor, hidden: Tensor) -> list[Tensor]:
        """What the last layers of the teacher make of the hidden tokens: of each layer [row, dim]."""
        if isinstance(self.teacher, EncoderNet):
            states = self.teacher.states(take(self.teacher.tokens(self.student.normalise(picture)), hidden))
        else:
            seen = self.student.with_class(take(tokens, hidden))
            states = [self.student.without_class(rows) for rows in self.teacher.states(seen)]
        return [rows.float().flatten(0, 1) for rows in states[-self._config.teacher.layers :]]

    def _target(self, layers: list[Tensor]) -> Tensor:
        """What is to be guessed: the teacher's last layer, or the mean of several, each standardised.

        Source: Baevski et al. 2022 (data2vec, arXiv:2202.03555), of several layers.
        """
        if not self._config.teacher.standardise:
            return torch.stack(layers).mean(0)
        scaled = [self._standardised(rows) for rows in layers]
        return scaled[0] if len(scaled) == 1 else self._standardised(torch.stack(scaled).mean(0))

    def _standardised(self, rows: Tensor) -> Tensor:
        """Mean 0 and deviation 1 in every dimension, over the rows of all processes.

        Differs: the published targets are used as they are. In a small collection most of them is one vector that all
        share, and guessing that is easy.
        """
        double = rows.double()
        packed = torch.cat([double.sum(0), double.square().sum(0), double.new_full((1,), len(rows))])
        sums = self._total(packed)
        mean, square = (sums[:-1] / sums[-1]).chunk(2)
        deviation = (square - mean.square()).clamp(min=_LEAST_DEVIATION**2).sqrt()
        return (rows - mean.float()) / deviation.float()
