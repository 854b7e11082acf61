"""The codec: one net at many rates. Each view (`at`) uses the first of its codebooks, with a spec of its own."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Embedding, ParameterError, SpecError, Tokens, TokenSpec
from smalti.quantize import parameter_count
from smalti.store import LiveFingerprint
from smalti.systems.dac.chunked import Chunk, decode_chunks, encode_chunks
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.streams import Analysis, DACDecoderStream, DACEncoderStream, Synthesis


class DAC:
    """A waveform codec of residual codes.

    A view holds nothing but how many codebooks it uses. All views have the same fingerprint: what tells their tokens
    apart is the number of codebooks in the spec. Items are heard one by one, in blocks of one size, so that neither a
    batch nor a stream can change a bit; behind an item's end the net hears what it was trained on, its own padding.

    # Differs: the reference makes every file -16 LUFS before it encodes; here the level is part of what is heard, so
    # that sounds which differ in nothing else keep different tokens. `.dac` files keep the level of theirs.

    Source: Kumar et al. 2023 (DAC, arXiv:2306.06546).

    Attributes:
        net: what was learnt; put in evaluation mode by whoever passes it.
        codebooks: how many of the net's codebooks are used, the first ones.
    """

    def __init__(self, net: DACNet, *, codebooks: int | None = None) -> None:
        """A view of a net.

        Raises:
            ParameterError: if it has fewer codebooks.
        """
        self.net = net
        self.codebooks = net.config.codebooks if codebooks is None else codebooks
        if not 1 <= self.codebooks <= net.config.codebooks:
            raise ParameterError(f"found {self.codebooks} codebooks, this codec has 1…{net.config.codebooks}")
        self._fingerprint = LiveFingerprint()

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> "DAC":
        """The same codec at another rate; what is not given stays as it is.

        Raises:
            ParameterError: if it has no such codebooks, or a token is to stand for several frames.
        """
        if window not in (None, 1):
            raise ParameterError(f"found a window of {window} frames, wanted 1: a token of this codec is one frame")
        view = DAC(self.net, codebooks=self.codebooks if codebooks is None else codebooks)
        view._fingerprint = self._fingerprint
        return view

    def fitting(self, spec: TokenSpec, what: str = "these tokens") -> "DAC":
        """The view whose tokens have this spec.

        Raises:
            SpecError: if they are another codec's, or of codebooks that this one does not have; names found and wanted.
        """
        replace(self.spec, codebooks=spec.codebooks).require(spec, what)
        if not 1 <= spec.codebooks <= self.most_codebooks:
            raise SpecError(
                f"{what} have {spec.codebooks} codebooks, wanted 1…{self.most_codebooks}; "
                "encode the audio again with this codec"
            )
        return self.at(codebooks=spec.codebooks)

    @property
    def windows(self) -> range:
        """A token stands for one frame."""
        return range(1, 2)

    @property
    def most_codebooks(self) -> int:
        """How many codebooks the net has."""
        return self.net.config.codebooks

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are."""
        return TokenSpec(
            sample_rate=self.sample_rate,
            hop=self.hop,
            codebooks=self.codebooks,
            vocab=self.net.config.vocab,
            tokenizer=self._named_by_weights(),
        )

    @torch.no_grad()
    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
            DataError: if a sample is NaN, infinite or beyond any sense.
        """
        audio.require_rate(self.sample_rate)
        rows: list[Tensor] = []
        for item in audio.items():
            stream = self.encoder_stream()
            rows.append(torch.cat([stream.push(item.samples[0]), stream.flush()], dim=1).mT)
        return Tokens(_padded(rows, (0, self.codebooks), audio.lengths).long().mT, self.spec, audio.lengths)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's, or of another view.
        """
        self.spec.require(tokens.spec)
        return self._heard([item.codes[0] for item in tokens.items()], tokens.lengths, Synthesis(self.net))

    @property
    def sample_rate(self) -> int:
        """Hz, of what is heard."""
        return self.net.config.sample_rate

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return self.net.config.hop

    @property
    def dim(self) -> int:
        """Numbers of a latent."""
        return self.net.config.latent_width

    @torch.no_grad()
    def embed(self, audio: Audio) -> Embedding:
        """The latent frames of every item, ceil(samples / hop) of them, before quantisation.

        Raises:
            SpecError: if the audio is at another rate.
            DataError: if a sample is NaN, infinite or beyond any sense.
        """
        audio.require_rate(self.sample_rate)
        analysis, rows = Analysis(self.net), list[Tensor]()
        for item in audio.items():
            pieces = [*analysis.push(item.samples[0]), *analysis.flush()]
            rows.append(torch.cat([torch.zeros(0, self.dim), *(piece[0].mT.cpu() for piece in pieces)]))
        return Embedding(_padded(rows, (0, self.dim), audio.lengths), -(-audio.lengths // self.hop))

    @torch.no_grad()
    def decode_latents(self, latents: Embedding, lengths: Int64[Tensor, " batch"], *, quantized: bool = True) -> Audio:
        """Sound of latents, exactly `lengths` samples of each item; see `LatentCodec`.

        Raises:
            SpecError: if the latents are no numbers of this codec.
            ParameterError: if there are not ceil(lengths / hop) latents of each item.
        """
        if latents.frames.shape[2] != self.dim:
            found = f"found latents of {latents.frames.shape[2]} numbers"
            raise SpecError(f"{found}, wanted {self.dim}; embed with this codec")
        if not torch.equal(latents.lengths, -(-lengths // self.hop)):
            found = f"{latents.lengths.tolist()} latents for {lengths.tolist()} samples"
            raise ParameterError(f"found {found}, wanted one for every {self.hop} begun; cut or repeat them")
        rows = [row[:count].mT for row, count in zip(latents.frames, latents.lengths.tolist(), strict=True)]
        if quantized:
            rows = [self._codes(row) if row.shape[1] else row for row in rows]
        return self._heard(rows, lengths, Synthesis(self.net, latents=not quantized))

    @torch.no_grad()
    def encode_chunks(
        self, samples: Float[Tensor, " sample"], *, seconds: float
    ) -> Int64[Tensor, "chunk codebook frame"]:
        """Codes of one sound in chunks without padding; see `ChunkCodec`.

        Raises:
            ParameterError: if chunks are too short to give sound.
        """
        return encode_chunks(self.net, samples, seconds=seconds, codebooks=self.codebooks)

    def chunk_samples(self, frames: int) -> int:
        """Samples that a chunk of so many frames decodes to.

        Raises:
            ParameterError: if that is none.
        """
        return Chunk.of_frames(self.net, frames).given

    @torch.no_grad()
    def decode_chunks(self, codes: Int64[Tensor, "chunk codebook frame"]) -> Float[Tensor, " sample"]:
        """The sound of such chunks, one after the other.

        Raises:
            ParameterError: if chunks are too short to give sound.
        """
        return decode_chunks(self.net, codes)

    def encoder_stream(self) -> DACEncoderStream:
        """Audio in, codes out; memory stays that of a block."""
        return DACEncoderStream(self.net, codebooks=self.codebooks)

    def decoder_stream(self) -> DACDecoderStream:
        """Codes in, audio out; memory stays that of a block."""
        return DACDecoderStream(self.net)

    @property
    def parameter_count(self) -> int:
        """Numbers that were learnt, code vectors included."""
        return parameter_count(self.net)

    def _codes(self, row: Float[Tensor, "dim frame"]) -> Int64[Tensor, "codebook frame"]:
        return self.net.quantizer.encode(row[None].to(self.net.decoder.stem.weight), depth=self.codebooks)[0]

    def _heard(self, rows: Sequence[Tensor], lengths: Int64[Tensor, " batch"], synthesis: Synthesis) -> Audio:
        sounds = [
            torch.cat([synthesis.push(row), synthesis.flush()])[:length]
            for row, length in zip(rows, lengths.tolist(), strict=True)
        ]
        return Audio(_padded(sounds, (0,), lengths), self.sample_rate, lengths)

    def _named_by_weights(self) -> str:
        heard = (self.net.encoder, self.net.quantizer)
        state = {
            f"{place}.{name}": value for place, part in enumerate(heard) for name, value in part.state_dict().items()
        }
        config = self.net.config.model_dump(exclude={"decoder_width"})
        return self._fingerprint.of(state, f"dac {config}")


def _padded(rows: Sequence[Tensor], empty: tuple[int, ...], lengths: Tensor) -> Tensor:
    """Rows of one batch, zeros behind each; `empty` is the shape of a row of nothing."""
    rows = [row.reshape(empty) if not len(row) else row for row in rows] or [torch.zeros(empty)]
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)[: len(lengths)].to(lengths.device)
