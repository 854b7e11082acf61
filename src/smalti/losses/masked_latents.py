"""What guesses of hidden latents are worth: their angle to the target, their prototypes, and the best of several.

Everything here is in float32 whatever a network computes in: angles and softmaxes of half precision are not exact
enough. Targets carry no gradient.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def angle_loss(guess: Float[Tensor, "*rows dim"], target: Float[Tensor, "*#rows dim"]) -> Float[Tensor, "*rows"]:
    """2 - 2 cos(guess, target): 0 for equal directions, 2 for orthogonal ones, 4 for opposite ones.

    Source: Grill et al. 2020 (arXiv:2006.07733), eq. 2, as MATPAC (arXiv:2502.12031) uses it.
    """
    return 2 - 2 * functional.cosine_similarity(guess.float(), target.float(), dim=-1)


def assignment(
    scores: Float[Tensor, "*rows prototype"], centre: Float[Tensor, " prototype"], *, temperature: float
) -> Float[Tensor, "*rows prototype"]:
    """To which prototypes a target belongs: softmax((scores - centre) / temperature), without gradient.

    Source: Caron et al. 2021 (arXiv:2104.14294), eq. 1 and 4.
    """
    return ((scores.detach().float() - centre) / temperature).softmax(-1)


def prototype_loss(
    scores: Float[Tensor, "*rows prototype"], wanted: Float[Tensor, "*rows prototype"], *, temperature: float
) -> Float[Tensor, "*rows"]:
    """Cross-entropy of a guess's prototypes against those wanted, in nats.

    Args:
        scores: of the guess, before any temperature.
        wanted: shares that sum to one; of `assignment`.
        temperature: of the guess's softmax.
    """
    return -(wanted * (scores.float() / temperature).log_softmax(-1)).sum(-1)


def choice_weights(losses: Float[Tensor, "choice *rows"], *, temperature: float) -> Float[Tensor, "choice *rows"]:
    """How much each of several guesses learns: softmax(-losses / temperature) over the choices, without gradient.

    At temperature 0 the best one alone learns (the first of equals); at an infinite one all learn alike.

    Source: Perera et al. 2024 (arXiv:2407.15580), annealed multiple choice learning, as MATPAC++ (arXiv:2508.12709)
    uses it.
    """
    losses = losses.detach().float()
    if temperature <= 0:
        return functional.one_hot(losses.argmin(0), len(losses)).movedim(-1, 0).to(losses)
    return (-losses / temperature).softmax(0)
