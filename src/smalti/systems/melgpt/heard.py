"""A recipe that one can listen to: after each evaluation the model makes a few sounds of one clip's class.

Source: the published logs hold a sample from nothing, one behind half a clip, a greedy one, and the clip as its codec
gives it back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import Audio, Codec, Condition, LanguageModel, TokenLM, Tokens
from smalti.data.token_clips import TokenClips
from smalti.generate import Sampling, generate, generate_masked
from smalti.store import Weights
from smalti.train import NamesClips, Recipe, Samples

_LONGEST = 53  # frames of a sound
_SEED = 0
_GREEDY = Sampling(temperature=0)


@runtime_checkable
class TokenRecipe(Recipe, NamesClips, Protocol):
    """A recipe of a token model that can name its clips."""


class HeardRecipe:
    """A recipe with sounds to listen to; everything else is the recipe's own.

    Attributes:
        recipe: how the model learns.
    """

    def __init__(self, recipe: TokenRecipe, data: TokenClips, codec: Codec, model: Callable[[], LanguageModel]):
        """Listen to `model()`, the weights that are kept, through the codec of the clips."""
        self.recipe, self._data, self._codec, self._model = recipe, data, codec, model

    def batch(self, step: int) -> Any:
        """The recipe's batch."""
        return self.recipe.batch(step)

    def step(self, batch: Any, step: int) -> Mapping[str, float]:
        """The recipe's step."""
        return self.recipe.step(batch, step)

    def evaluate(self) -> Mapping[str, float]:
        """The recipe's evaluation."""
        return self.recipe.evaluate()

    def clips(self, step: int) -> Sequence[str]:
        """Where the clips of a step came from."""
        return self.recipe.clips(step)

    def state_dict(self) -> Mapping[str, Any]:
        """The recipe's state; sounds have none."""
        return self.recipe.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.recipe.load_state_dict(state)

    def weights(self) -> Weights:
        """The recipe's weights."""
        return self.recipe.weights()

    @torch.no_grad()
    def samples(self) -> Samples:
        """Sounds of the class of one clip, kept out of training if there is one; and their codes as pictures."""
        data, spec = self._data, self._data.spec
        clip = int((data.held_out if len(data.held_out) else data.training)[0])
        codes = data.codes(clip)[None, :, :_LONGEST]
        told = data.condition(clip, start=0, frames=codes.shape[2])
        half = codes.shape[2] // 2
        made = {"reconstruction": codes, "unprimed": self._made(told, Sampling()), "greedy": self._made(told, _GREEDY)}
        if half:
            prompt = Tokens(codes[:, :, :half], spec, torch.tensor([half * spec.hop]))
            made["half-primed"] = self._made(told.at(slice(half, None)), Sampling(), prompt)
        return Samples(
            images={f"codes/{name}": one[0].flip(0) / spec.vocab for name, one in made.items()},
            audio={name: self._sound(one) for name, one in made.items()},
        )

    def _made(
        self, told: Condition, sampling: Sampling, prompt: Tokens | None = None
    ) -> Int64[Tensor, "batch codebook frame"]:
        lm = self._model()
        if isinstance(lm, TokenLM):
            return generate(lm, told, sampling=sampling, seeds=[_SEED], prompt=prompt).cpu()
        return generate_masked(lm, told, sampling=sampling, seeds=[_SEED], prompt=prompt)

    def _sound(self, codes: Int64[Tensor, "batch codebook frame"]) -> Audio:
        samples = torch.tensor([codes.shape[2] * self._codec.spec.hop])
        return self._codec.decode(Tokens(codes, self._codec.spec, samples))
