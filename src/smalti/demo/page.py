"""A self-contained HTML page: pictures and players are inside it, nothing is fetched, all text is escaped."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from importlib.resources import files

import soundfile
from jaxtyping import Float
from torch import Tensor

from smalti.core import signals_held


def text(value: object) -> str:
    """Any value as escaped text; numbers keep three figures."""
    if isinstance(value, float):
        return html.escape(f"{value:.3g}")
    return html.escape(str(value))


def picture(png: bytes, *, alt: str) -> str:
    """A PNG inside the page."""
    return f'<img alt="{text(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def player(samples: Float[Tensor, " sample"], *, sample_rate: int) -> str:
    """A waveform inside the page, as Ogg Vorbis (about 6 kB a second)."""
    memory = io.BytesIO()
    with signals_held():
        soundfile.write(memory, samples.clamp(-1, 1).numpy(), sample_rate, format="OGG", subtype="VORBIS")
    data = base64.b64encode(memory.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/ogg;base64,{data}"></audio>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of text and numbers under a head."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def card(title: str, *parts: str) -> str:
    """One box with a title; `parts` are HTML."""
    return f'<figure class="card"><figcaption>{text(title)}</figcaption>{"".join(parts)}</figure>'


def grid(cards: Iterable[str]) -> str:
    """Boxes side by side, as many as fit."""
    return f'<div class="grid">{"".join(cards)}</div>'


def tiles(facts: Iterable[tuple[str, str]]) -> str:
    """The few numbers that matter: (number, what it is)."""
    boxes = "".join(f"<div><b>{text(number)}</b><span>{text(name)}</span></div>" for number, name in facts)
    return f'<div class="tiles">{boxes}</div>'


def section(title: str, lead: str, *parts: str) -> str:
    """A chapter: title, one escaped paragraph, then HTML parts."""
    return f"<section><h2>{text(title)}</h2><p>{text(lead)}</p>{''.join(parts)}</section>"


def commands(lines: Iterable[str]) -> str:
    """Command lines to copy."""
    return f"<pre>{text(chr(10).join(lines))}</pre>"


def page(title: str, lead: str, banner: str, sections: Iterable[str]) -> str:
    """The whole document."""
    template = files("smalti.demo").joinpath("page.html").read_text(encoding="utf-8")
    filled = template.replace("{{title}}", text(title)).replace("{{lead}}", text(lead))
    return filled.replace("{{banner}}", banner).replace("{{body}}", "".join(sections))
