"""A codec's report: perfect for a codec without loss, equal in any batch, and ready for JSON."""

import json

import pytest
import torch
from evaluate_fakes import RATE, SPEC, VOCAB, SineCodec, sine

from smalti.core import Audio, DataError, SpecError, Tokens
from smalti.evaluate import PeerClip, evaluate_codec

LEVELS = {"a": (10.0, "hum", 7), "b": (50.0, "hum", 12), "c": (90.0, "beep", 3)}
CLIPS = [(name, Audio.single(sine(*recipe), RATE)) for name, recipe in LEVELS.items()]


class HalfCodec(SineCodec):
    """Decodes everything 6 dB too quiet."""

    def decode(self, tokens: Tokens) -> Audio:
        audio = super().decode(tokens)
        return Audio(audio.samples / 2, RATE, audio.lengths)


def test_a_codec_without_loss_is_at_no_distance() -> None:
    report = evaluate_codec(SineCodec(), CLIPS)
    assert report.files == 3
    assert report.log_mel_l1_db == pytest.approx(0, abs=0.05)
    assert report.multi_resolution_stft == pytest.approx(0, abs=0.05)
    assert report.picture_l1_db is None
    assert report.audio_seconds == pytest.approx(22 * SPEC.hop / RATE)
    assert report.bitrate == SPEC.bitrate
    assert min(report.encode_real_time_factor, report.decode_real_time_factor) > 0


def test_usage_counts_true_frames_of_all_files() -> None:
    report = evaluate_codec(SineCodec(), CLIPS, batch=3)
    shares = torch.tensor([7, 12, 3]) / 22
    assert report.perplexity[0] == pytest.approx(float(torch.exp(-(shares * shares.log()).sum())), rel=1e-5)
    assert report.codebook_usage == pytest.approx([3 / VOCAB, 2 / VOCAB])


def test_batches_do_not_change_a_figure() -> None:
    alone, together = (evaluate_codec(HalfCodec(), iter(CLIPS), batch=size) for size in (1, 3))
    for one, other in zip(alone.per_file, together.per_file, strict=True):
        assert one.path == other.path
        assert one.log_mel_l1_db == pytest.approx(other.log_mel_l1_db, abs=1e-3)


def test_labels_have_means_of_their_own() -> None:
    labels = {"a": "hum", "b": "hum"}
    report = evaluate_codec(HalfCodec(), CLIPS, labels=labels)
    found = {score.path: score.log_mel_l1_db for score in report.per_file}
    assert report.by_label == {"hum": pytest.approx((found["a"] + found["b"]) / 2)}
    assert [score.label for score in report.per_file] == ["hum", "hum", None]


def test_clips_of_one_name_in_a_row_are_pieces_of_one_file() -> None:
    peer = lambda audio: PeerClip(audio.samples[0] / 4, bits=audio.samples.shape[1])  # noqa: E731
    apart = evaluate_codec(HalfCodec(), CLIPS, peers={"quiet": peer})
    pieces = [("long", CLIPS[0][1]), ("long", CLIPS[1][1]), CLIPS[2]]
    told: list[int] = []
    joined = evaluate_codec(HalfCodec(), pieces, peers={"quiet": peer}, batch=1, progress=told.append)
    first, second, third = apart.per_file
    assert [(one.path, one.seconds) for one in joined.per_file] == [
        ("long", 19 * SPEC.hop / RATE),
        ("c", third.seconds),
    ]
    for name in ("log_mel_l1_db", "multi_resolution_stft"):
        mean = (7 * getattr(first, name) + 12 * getattr(second, name)) / 19
        assert getattr(joined.per_file[0], name) == pytest.approx(mean)
        assert getattr(joined, name) == pytest.approx((mean + getattr(third, name)) / 2)
    assert joined.perplexity == apart.perplexity and joined.peers["quiet"].bitrate == apart.peers["quiet"].bitrate
    assert told == [1, 1, 2] and joined.files == 2


def test_a_peer_stands_beside_on_the_same_files() -> None:
    peer = lambda audio: PeerClip(audio.samples[0], bits=3 * audio.samples.shape[1])  # noqa: E731
    report = evaluate_codec(HalfCodec(), CLIPS, peers={"plain": peer})
    assert report.peers["plain"].bitrate == pytest.approx(3 * RATE)
    assert report.peers["plain"].log_mel_l1_db == 0 < report.log_mel_l1_db


def test_the_report_is_json_with_the_keys_of_the_contract() -> None:
    done: list[int] = []
    found = json.loads(json.dumps(evaluate_codec(SineCodec(), CLIPS, batch=2, progress=done.append).to_json()))
    assert done == [2, 3]
    assert {"log_mel_l1_db", "perplexity", "codebook_usage", "bitrate", "per_file", "peers"} <= found.keys()
    assert found["per_file"][0].keys() == {"path", "log_mel_l1_db", "multi_resolution_stft", "seconds"}


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(SpecError, match="resample it first"):
        evaluate_codec(SineCodec(), [("fast", Audio.single(torch.ones(9), 44_100))])
    with pytest.raises(DataError, match="leave it out"):
        evaluate_codec(SineCodec(), [("empty", Audio.single(torch.ones(0), RATE))])
    with pytest.raises(DataError, match="no clip"):
        evaluate_codec(SineCodec(), [])
