"""Options of every verb that lets a language model choose codes."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from smalti.generate import Sampling

Temperature = Annotated[float, typer.Option(help="0 takes the likeliest code.", min=0)]
TopK = Annotated[int, typer.Option(help="Only the k likeliest codes; 0 for all.", min=0)]
TopP = Annotated[float, typer.Option(help="Only the likeliest codes of this share.", min=0, max=1)]
MinP = Annotated[float, typer.Option(help="Only codes this share as likely as the likeliest.", min=0, max=1)]
Guidance = Annotated[float, typer.Option(help="Push towards what is asked; 1 is off.", min=0)]
Guided = Annotated[Literal["all", "label", "parameters"], typer.Option(help="What guidance pushes towards.")]
Passes = Annotated[int, typer.Option(help="Of a model that fills gaps: calls for each window.", min=1)]
Noise = Annotated[float, typer.Option(help="Of a model that fills gaps: how freely codes are kept first.", min=0)]


def sampling(
    *,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    guidance: float,
    guided: Literal["all", "label", "parameters"],
    passes: int = 16,
    noise: float = 4.5,
) -> "Sampling":
    """What the options say."""
    from smalti.generate import Filling, Sampling

    return Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        guidance=guidance,
        guided=guided,
        filling=Filling(passes=passes, noise=noise),
    )
