"""Options of every verb that lets a language model choose codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smalti.generate import Sampling

Temperature = Annotated[float, typer.Option(help="0 takes the likeliest code.", min=0)]
TopK = Annotated[int, typer.Option(help="Only the k likeliest codes; 0 for all.", min=0)]
TopP = Annotated[float, typer.Option(help="Only the likeliest codes of this share.", min=0, max=1)]
MinP = Annotated[float, typer.Option(help="Only codes this share as likely as the likeliest.", min=0, max=1)]
_GUIDANCE = "Push towards all that is asked (1.5) or one field (label=2, rate=1.5, parameters=2); may be repeated."
Guidance = Annotated[list[str] | None, typer.Option(metavar="[FIELD=]STRENGTH", help=_GUIDANCE)]
Passes = Annotated[int, typer.Option(help="Of a model that fills gaps: calls for each window.", min=1)]
Noise = Annotated[float, typer.Option(help="Of a model that fills gaps: how freely codes are kept first.", min=0)]


def sampling(
    *,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    guidance: Sequence[str] | None,
    passes: int = 16,
    noise: float = 4.5,
) -> "Sampling":
    """What the options say."""
    from smalti.generate import Filling, Sampling, parse_guidance

    every, fields = parse_guidance(guidance or ())
    return Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        guidance=every,
        field_guidance=fields,
        filling=Filling(passes=passes, noise=noise),
    )
