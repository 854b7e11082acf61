"""An index scored on labelled queries: nobody finds itself, nobody's speaker helps, peers stand beside."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.audio import read, write
from smalti.cli import run
from smalti.core import Audio, DataError
from smalti.data import Manifest
from smalti.features import MfccEncoder
from smalti.quantize import KMeansTokenizer, kmeans
from smalti.search import Entry, SearchIndex, add_to_index
from smalti.store import sha256
from smalti.systems import retrieval
from smalti.systems.retrieval import evaluate_index
from smalti.systems.searching import heard

RATE = 8000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three words of two speakers in three takes; a word is a melody, a speaker a key."""
    folder = tmp_path_factory.mktemp("retrieval")
    rows = list(_words(folder))
    Manifest.from_rows(rows, folder).write(folder / "manifest.csv")
    entries = [
        Entry(str(folder / row["path"]), row["label"], sha256(folder / row["path"]), {"speaker": row["speaker"]})
        for row in rows
    ]
    tokenizer = kmeans_tokenizer(folder)
    paths = [Path(entry.path) for entry in entries]
    add_to_index(folder / "index", tokenizer.spec, entries, lambda some: [heard(tokenizer, paths[i]) for i in some])
    return folder


def kmeans_tokenizer(folder: Path) -> KMeansTokenizer:
    """Tokens of MFCC: a tokenizer that is no run of any system."""
    encoder = MfccEncoder(RATE)
    sounds = [read(path) for path in sorted(folder.glob("*.wav"))]
    frames = torch.cat([encoder.embed(sound).frames[0] for sound in sounds])
    centres = kmeans(frames, centres=24, generator=torch.Generator().manual_seed(0))
    return KMeansTokenizer(encoder, centres, fingerprint="mfcc")


@pytest.fixture(autouse=True)
def _opened(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes of these tests are opened with the tokenizer that made them; the real door reads it from a run."""
    monkeypatch.setattr(retrieval, "open_index", lambda folder: (SearchIndex.open(folder), kmeans_tokenizer(made)))


def _words(folder: Path) -> Iterator[dict[str, object]]:
    generator = np.random.default_rng(3)
    for word, melody in {"up": (1, 2, 3), "down": (3, 2, 1), "wave": (1, 3, 1)}.items():
        for speaker, key in {"ann": 300.0, "bob": 330.0}.items():
            for take in range(3):
                tones = [np.sin(2 * np.pi * key * step * np.arange(1000) / RATE) for step in melody]
                sound = 0.5 * np.concatenate(tones) + 0.01 * generator.standard_normal(3000)
                name = f"{word}_{speaker}_{take}.wav"
                write(folder / name, Audio.single(torch.from_numpy(sound.astype(np.float32)), RATE))
                yield {"path": name, "label": word, "seconds": 0.375, "speaker": speaker, "take": take}


def test_scores_and_peers_of_all_queries(made: Path) -> None:
    report = evaluate_index(made / "index", made)
    assert (report.queries, report.recordings, report.failed) == (18, 18, ())
    assert set(report.peers) == {"exhaustive", "kmeans_edit", "mfcc_dtw", "random"}
    assert report.peers["mfcc_dtw"].mrr == 1 and report.peers["kmeans_edit"].mrr > 0.8
    # 5 of 17 are relevant: the mean over all orders of 1 / rank of the first
    assert report.peers["random"].p_at_1 == pytest.approx(5 / 17)
    assert report.mrr > 0.9 and report.map > 0.6 and report.recall_at == {"1": 1.0, "5": 1.0, "10": 1.0}
    assert report.mrr == report.peers["exhaustive"].mrr
    assert 8 < report.tokens_per_second < 100
    assert report.us_per_pair == pytest.approx(1000 * report.ms_per_query / 18)
    assert report.speed_up == pytest.approx(report.peers["mfcc_dtw"].us_per_pair / report.us_per_pair)


def test_without_the_speaker_only_others_are_found(made: Path) -> None:
    report = evaluate_index(made / "index", made, exclude="speaker")
    assert report.excluded == "speaker" and report.peers["random"].p_at_1 == pytest.approx(3 / 9)
    assert report.peers["mfcc_dtw"].mrr > 0.6


def test_a_query_finds_neither_itself_nor_its_copy(made: Path, tmp_path: Path) -> None:
    for name in ("up_ann_0.wav", "down_bob_1.wav"):
        (tmp_path / f"copy_of_{name}").write_bytes((made / name).read_bytes())
    rows = [{"path": f"copy_of_{name}", "label": name.split("_")[0]} for name in ("up_ann_0.wav", "down_bob_1.wav")]
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "manifest.csv")
    report = evaluate_index(made / "index", tmp_path, peers=False)
    assert report.queries == 2 and set(report.peers) == {"exhaustive", "random"} and report.speed_up is None
    assert report.peers["random"].p_at_1 == pytest.approx(5 / 17)


def test_peers_take_fewer_queries_where_pairs_would_be_too_many(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "_MOST_PAIRS", 100)
    assert evaluate_index(made / "index", made).peers["mfcc_dtw"].queries == 6


def test_missing_columns_are_named(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'speeker'; did you mean 'speaker'"):
        evaluate_index(made / "index", made, exclude="speeker")
    tokenizer, path = kmeans_tokenizer(made), made / "up_ann_0.wav"
    entry = Entry(str(path), "other", sha256(path))
    add_to_index(tmp_path / "plain", tokenizer.spec, [entry], lambda some: [heard(tokenizer, path)])
    with pytest.raises(DataError, match="no recording of the index says its 'speaker'"):
        evaluate_index(tmp_path / "plain", made, exclude="speaker")
    with pytest.raises(DataError, match="no query has a relevant"):
        evaluate_index(tmp_path / "plain", made)


def test_the_command_says_the_same(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "retrieval", str(made / "index"), "--queries", str(made), "--no-peers", "--json"]
    assert run(command) == 0
    assert '"p_at_1":' in capfd.readouterr().out
