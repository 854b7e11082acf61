"""What a language model is held against may lie there as codes: they are taken as they are, and heard by the codec."""

from pathlib import Path

import pytest
import torch

from smalti.core import Audio, DataError, Schema, Tokens, TokenSpec
from smalti.data import Manifest
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.store import DacFile, write_dac
from smalti.systems.references import references_of


class Coder:
    """A codec of codes that are levels, which must never be asked to hear."""

    def __init__(self, *, hop: int = 50):
        self.spec = TokenSpec(sample_rate=1000, hop=hop, codebooks=2, vocab=1024, tokenizer="c" * 64)

    def encode(self, audio: Audio) -> Tokens:
        raise AssertionError("codes that are there are not made again")

    def decode(self, tokens: Tokens) -> Audio:
        sound = (tokens.codes[:, 0] / 1024).repeat_interleave(self.spec.hop, dim=1)[:, : int(tokens.lengths[0])]
        return Audio(sound, self.spec.sample_rate, tokens.lengths)


def model(spec: TokenSpec) -> TokenTransformer:
    settings = TransformerSettings(width=8, layers=1, heads=2, window=3, condition_width=4)
    return TokenTransformer(spec=spec, schema=Schema(("rain",), ()), pattern="delay", transformer=settings)


def manifest(folder: Path) -> tuple[Manifest, list[torch.Tensor]]:
    codes, rows = list[torch.Tensor](), list[dict[str, object]]()
    for seed, split in enumerate(("train", "train", "test")):
        made = torch.randint(1024, (1, 3, 7), generator=torch.Generator().manual_seed(seed))
        told = {"codes": made, "chunk_length": 7, "input_db": -20.0}
        write_dac(folder / f"{seed}.dac", DacFile(sample_rate=2000, original_length=660, padding=True, **told))
        codes.append(made[0, :2])
        rows.append({"path": f"{seed}.dac", "seconds": 0.33, "label": "rain", "split": split})
    return Manifest.from_rows(rows, folder), codes


def test_codes_of_files_are_what_the_codec_plays(tmp_path: Path) -> None:
    rows, codes = manifest(tmp_path)
    coder = Coder()
    found = references_of(rows, model(coder.spec), coder)
    assert all(torch.equal(one, other) for one, other in zip(found.training_codes, codes, strict=False))
    assert len(found.training_codes) == 2 and torch.equal(found.held_out_codes[0].codes, codes[2])
    (heard,) = found.held_out
    assert heard.label == "rain" and torch.equal(heard.samples, (codes[2][0] / 1024).repeat_interleave(50)[:330])


def test_codes_of_another_model_are_refused_by_name(tmp_path: Path) -> None:
    rows, _ = manifest(tmp_path)
    coder = Coder(hop=40)
    with pytest.raises(DataError, match=r"0\.dac: holds 7 frames for 0\.330 s, of which this tokenizer makes 9"):
        references_of(rows, model(coder.spec), coder)
