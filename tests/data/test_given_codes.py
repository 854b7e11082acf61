"""Folders of `.dac` files as something to learn from: codes exactly as they are, and other models' codes refused."""

from pathlib import Path

import pytest
import torch

from smalti.core import Audio, Tokens, TokenSpec
from smalti.data import Manifest, prepare
from smalti.store import DacFile, TokenStore, write_dac
from smalti.transcode import encode_store


class Coder:
    """A tokenizer of DAC's geometry that must never be asked to hear."""

    def __init__(self, *, codebooks: int = 2, vocab: int = 1024, hop: int = 512):
        self.spec = TokenSpec(sample_rate=44_100, hop=hop, codebooks=codebooks, vocab=vocab, tokenizer="c" * 64)

    def encode(self, audio: Audio) -> Tokens:
        raise AssertionError("codes that are there are not made again")


def clip(path: Path, *, seed: int = 0, seconds: float = 0.5, sample_rate: int = 44_100, **facts: object) -> DacFile:
    length = round(seconds * sample_rate)
    frames = -(-round(seconds * 44_100) // 512)
    codes = torch.randint(1024, (1, 4, frames), generator=torch.Generator().manual_seed(seed))
    told = {"codes": codes, "chunk_length": frames, "input_db": -20.0, **facts}
    made = DacFile(sample_rate=sample_rate, original_length=length, **told)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dac(path, made)
    return made


def test_a_folder_of_codes_and_its_sheet_become_a_store(tmp_path: Path) -> None:
    root = tmp_path / "data"
    made = [clip(root / "dac-train" / f"{name}.dac", seed=seed) for seed, name in enumerate("ab")]
    clip(root / "dac-train" / "c.dac", seed=2, sample_rate=22_050)
    (root / "dac-train.csv").write_text(
        "Full File Name,Class Name,strength\na.dac,Wind,0.2\nb.dac,Wind,0.9\nc.dac,Rain,\n"
    )
    report = prepare(root / "dac-train.csv", root / "m.csv", corpus="syntex")
    assert report.files == 3 and report.audio_seconds == pytest.approx(1.5)
    done = encode_store(Coder(), Manifest.read(root / "m.csv"), tmp_path / "store", shifts=4)
    assert done.files == 3 and done.failed == ()
    store = TokenStore.open(tmp_path / "store")
    assert store.spec.tokenizer == "c" * 64
    for row, one in enumerate(made):
        assert torch.equal(store.codes(row), one.codes[0, :2])
    assert store.clips["samples"].to_pylist() == [22_050] * 3
    assert Manifest(store.clips, store.folder).schema().labels == ("Rain", "Wind")


@pytest.mark.parametrize(
    ("coder", "words"),
    [
        (Coder(codebooks=5), r"holds 4 codebooks, wanted 5; ask for fewer \(codebooks=4\)"),
        (Coder(vocab=256), r"holds codes 0…1023, this tokenizer knows 256; give it a DAC"),
        (Coder(hop=320), r"holds 44 frames for 0\.500 s, of which this tokenizer makes 69; they are another model's"),
    ],
)
def test_codes_of_another_model_are_listed_with_the_reason(tmp_path: Path, coder: Coder, words: str) -> None:
    clip(tmp_path / "in" / "wind" / "a.dac")
    prepare(tmp_path / "in", tmp_path / "m.csv")
    (failed,) = encode_store(coder, Manifest.read(tmp_path / "m.csv"), tmp_path / "store").failed
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(failed["reason"])


def test_what_cannot_be_learnt_from_is_listed_when_it_is_prepared(tmp_path: Path) -> None:
    clip(tmp_path / "in" / "good.dac")
    clip(tmp_path / "in" / "chunked.dac", chunk_length=22)
    clip(tmp_path / "in" / "unpadded.dac", padding=False)
    clip(tmp_path / "in" / "stereo.dac", codes=torch.zeros(2, 4, 44, dtype=torch.int64), channels=2)
    (tmp_path / "in" / "text.dac").write_text("not codes")
    report = prepare(tmp_path / "in", tmp_path / "m.csv", max_bad=0.8)
    assert report.files == 1
    reasons = {row["path"]: row["reason"] for row in report.failed}
    assert "holds 2 chunks that overlap in time" in reasons["chunked.dac"]
    assert "overlap in time" in reasons["unpadded.dac"]
    assert "holds 2 channels, wanted one" in reasons["stereo.dac"]
    assert "text.dac" in reasons
