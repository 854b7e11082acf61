"""The codec: one net at many rates. Each view (`at`) is a codec with its own spec over the same weights."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Embedding, ParameterError, SpecError, Tokens, TokenSpec
from smalti.nn.fixed_step import FixedStep
from smalti.quantize import parameter_count
from smalti.store import LiveFingerprint
from smalti.systems.almtokenizer.fixed_steps import fixed_steps
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.streams import ALMDecoderStream, ALMEncoderStream, Analysis, Synthesis

_PIECE = 1 << 20  # samples handed on at once; a sound of any length is heard in blocks


class ALMTokenizer:
    """A waveform codec whose tokens are queries, one for every `window` frames.

    A view holds nothing but its two numbers. All views of a net have the same fingerprint: what tells their tokens
    apart is the hop and the number of codebooks in the spec.

    Attributes:
        net: what was learnt; put in evaluation mode by whoever passes it.
        window: frames of a query.
        codebooks: how many of the net's codebooks are used, the first ones.
    """

    def __init__(self, net: QueryNet, *, window: int | None = None, codebooks: int | None = None) -> None:
        """A view of a net.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        config = net.config
        low, high = config.windows
        self.net = net
        self.window = config.window if window is None else window
        self.codebooks = config.codes.codebooks if codebooks is None else codebooks
        if not low <= self.window <= high:
            raise ParameterError(f"window {self.window} is outside {low}…{high} frames; choose one in that range")
        if not 1 <= self.codebooks <= config.codes.codebooks:
            raise ParameterError(f"found {self.codebooks} codebooks, this codec has 1…{config.codes.codebooks}")
        self._fingerprint = LiveFingerprint()

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> "ALMTokenizer":
        """The same codec at another rate; what is not given stays as it is.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        view = ALMTokenizer(
            self.net,
            window=self.window if window is None else window,
            codebooks=self.codebooks if codebooks is None else codebooks,
        )
        view._fingerprint = self._fingerprint
        return view

    def fitting(self, spec: TokenSpec, what: str = "these tokens") -> "ALMTokenizer":
        """The view whose tokens have this spec.

        Raises:
            SpecError: if they are another codec's, or of a rate that this one does not have; names found and wanted.
        """
        mine = self.spec
        replace(mine, hop=spec.hop, codebooks=spec.codebooks).require(spec, what)
        window, rest = divmod(spec.hop, self.net.hop)
        if rest or window not in self.windows or not 1 <= spec.codebooks <= self.most_codebooks:
            frame, low, high = self.net.hop, self.windows[0], self.windows[-1]
            raise SpecError(
                f"{what} have hop {spec.hop} and {spec.codebooks} codebooks, wanted a hop of {low}…{high} "
                f"times {frame} and 1…{self.most_codebooks} codebooks; encode the audio again with this codec"
            )
        return self.at(window=window, codebooks=spec.codebooks)

    @property
    def windows(self) -> range:
        """How many frames a query may stand for."""
        low, high = self.net.config.windows
        return range(low, high + 1)

    @property
    def most_codebooks(self) -> int:
        """How many codebooks the net has."""
        return self.net.config.codes.codebooks

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are."""
        codes = self.net.config.codes
        return TokenSpec(
            sample_rate=self.sample_rate,
            hop=self.hop,
            codebooks=self.codebooks,
            vocab=codes.vocab,
            tokenizer=self._named_by_weights(),
        )

    @torch.no_grad()
    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
            DataError: if a sample is NaN, infinite or beyond any sense.
        """
        spec, latents = self.spec, self._latents(audio)
        codes = self.net.quantizer.encode(latents.mT, depth=self.codebooks).to(audio.lengths.device)
        inside = torch.arange(codes.shape[2], device=codes.device) < -(-audio.lengths // spec.hop)[:, None]
        return Tokens(torch.where(inside[:, None], codes, 0), spec, audio.lengths)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's, or of another view.
        """
        self.spec.require(tokens.spec)
        return self._heard(self.net.vectors(tokens.codes), tokens.lengths)

    @property
    def sample_rate(self) -> int:
        """Hz, of what is heard."""
        return self.net.config.sample_rate

    @property
    def hop(self) -> int:
        """Samples of a query."""
        return self.window * self.net.hop

    @property
    def dim(self) -> int:
        """Numbers of a latent."""
        return self.net.config.codes.dim

    @torch.no_grad()
    def embed(self, audio: Audio) -> Embedding:
        """The queries of every item, ceil(samples / hop) of them, in the space of the codes, before quantisation.

        It is the linear image of the encoder's query that the codes stand for, and what the decoder takes: what a
        probe finds here, the tokens can carry, and what is moved here can be heard. The codebooks change nothing.

        Raises:
            SpecError: if the audio is at another rate.
        """
        latents, frames = self._latents(audio).to(audio.lengths.device), -(-audio.lengths // self.hop)
        inside = torch.arange(latents.shape[1], device=latents.device) < frames[:, None]
        return Embedding(latents * inside[..., None], frames)

    @torch.no_grad()
    def decode_latents(self, latents: Embedding, lengths: Int64[Tensor, " batch"], *, quantized: bool = True) -> Audio:
        """Sound of latents, exactly `lengths` samples of each item; see `LatentCodec`.

        Raises:
            SpecError: if the latents are no numbers of this codec.
            ParameterError: if there are not ceil(lengths / hop) latents of each item.
        """
        vectors = latents.frames
        if vectors.shape[2] != self.dim:
            raise SpecError(f"found latents of {vectors.shape[2]} numbers, wanted {self.dim}; embed with this codec")
        if not torch.equal(latents.lengths, -(-lengths // self.hop)):
            found = f"{latents.lengths.tolist()} latents for {lengths.tolist()} samples"
            raise ParameterError(f"found {found}, wanted one for every {self.hop} begun; cut or repeat them")
        if quantized:
            vectors = self.net.vectors(
                self.net.quantizer.encode(vectors.to(self.net.to_codes.weight).mT, depth=self.codebooks)
            )
        return self._heard(vectors, lengths)

    def _latents(self, audio: Audio) -> Float[Tensor, "batch query dim"]:
        """What the codes stand for, of all that is there and, behind an item's own, of silence."""
        audio.require_rate(self.sample_rate)
        analysis = Analysis(self.net, self.window, batch=len(audio.lengths))
        pieces = audio.zero_padded().samples.split(_PIECE, dim=1)
        latents = [self.net.to_codes(analysis.push(piece)) for piece in pieces]
        return torch.cat([*latents, self.net.to_codes(analysis.flush())], dim=1)

    def _heard(self, vectors: Float[Tensor, "batch query dim"], lengths: Int64[Tensor, " batch"]) -> Audio:
        """Sound of vectors; those behind an item's own change nothing."""
        synthesis = Synthesis(self.net, self.window, batch=len(lengths))
        present = torch.arange(vectors.shape[1], device=lengths.device) < -(-lengths // self.hop)[:, None]
        sound = torch.cat([synthesis.speak(vectors, present), synthesis.flush()], dim=1).to(lengths.device)
        longest = int(lengths.max()) if len(lengths) else 0
        return Audio(sound[:, :longest], self.sample_rate, lengths).zero_padded()

    def encoder_stream(self) -> ALMEncoderStream:
        """Audio in, codes out; memory stays that of a block."""
        return ALMEncoderStream(self.net, window=self.window, codebooks=self.codebooks)

    def decoder_stream(self) -> ALMDecoderStream:
        """Codes in, audio out; memory stays that of a block."""
        return ALMDecoderStream(self.net, window=self.window)

    def fixed_steps(self) -> Mapping[str, FixedStep]:
        """Encoder and decoder as steps of one window, for export; see `smalti.nn.fixed_step`."""
        return fixed_steps(self.net, window=self.window, codebooks=self.codebooks)

    @property
    def parameter_count(self) -> int:
        """Numbers that were learnt, code vectors included."""
        return parameter_count(self.net)

    def _named_by_weights(self) -> str:
        state = {name: value for name, value in self.net.state_dict().items() if _tells_codes(name)}
        return self._fingerprint.of(state, f"almtokenizer {_settings(self.net)}")


def _tells_codes(name: str) -> bool:
    return name.startswith(("front.", "encoder.", "to_codes.", "quantizer."))


def _settings(net: QueryNet) -> str:
    config = net.config
    heard = {"ends": config.ends, "encoder": config.encoder, "codes": config.codes}
    return f"{config.sample_rate} " + " ".join(f"{name} {part.model_dump_json()}" for name, part in heard.items())
