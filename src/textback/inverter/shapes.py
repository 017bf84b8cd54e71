"""The sizes of backbones that are trained from scratch: one name sets width, heads and depth.

`small` and `base` are the shapes of T5-small and T5-base (Raffel et al. 2020, section 2.3).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Width, heads and depth of a transformer.

    A decoder-only backbone, which has no encoder, gets the layers of both.
    """

    d_model: int
    d_ff: int
    heads: int
    encoder_layers: int
    decoder_layers: int

    @property
    def layers(self) -> int:
        """Encoder and decoder layers together."""
        return self.encoder_layers + self.decoder_layers


SIZES = {
    "toy": Shape(32, 64, 2, 1, 2),  # for tests
    "nano": Shape(192, 512, 4, 1, 1),
    "tiny": Shape(256, 1024, 4, 2, 2),
    "mini": Shape(384, 1536, 6, 4, 4),
    "small": Shape(512, 2048, 8, 6, 6),
    "base": Shape(768, 3072, 12, 12, 12),
}
