"""The page holds everything it shows, fetches nothing and runs nothing that came in with a file name."""

import re

import torch

from smalti.demo import page, pictures


def _page() -> str:
    sound = page.player(torch.randn(8000) * 0.1, sample_rate=8000)
    image = page.picture(pictures.spectrogram(torch.randn(8000) * 0.1, sample_rate=8000), alt='"><script>')
    tiles = page.picture(pictures.mosaic(torch.randint(0, 9, (4, 30)), vocab=9), alt="tokens")
    parts = [page.card("<img src=x onerror=alert(1)>", sound, image), page.table(["a<b"], [["</table>"]])]
    return page.page("<title>", "a & b", tiles, [page.section("x", "y", *parts), page.commands(["smalti <x>"])])


def test_text_from_outside_is_escaped_everywhere():
    text = _page()
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_nothing_is_fetched():
    text = _page()
    sources = re.findall(r'(?:src|href)="([^"]{0,12})', text)
    assert sources and all(source.startswith("data:") for source in sources)
    assert "default-src 'none'" in text


def test_every_picture_is_a_png():
    scatter = pictures.scatter(
        [1, 2, 4], {"ceiling": [1, 2, 4], "generated": [1.0, 3, 4]}, title="t", unit="Hz", log=True
    )
    curve = pictures.trajectory([0, 1, 2], [1, 2, 3], [1, float("nan"), 3], unit="", log=False)
    assert all(png.startswith(b"\x89PNG") for png in (scatter, curve))
