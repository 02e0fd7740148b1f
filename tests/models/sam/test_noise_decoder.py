"""The noise decoder reads its tokens where the authors' does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam import noise_decoder


def test_noise_is_read_one_token_early(sam: Generator, images: Tensor, masks: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert noise_decoder.FIRST_NOISE_POSITION == 4
    decoder = sam.mask_decoder
    read = []
    handles = [mlp.register_forward_hook(lambda _module, inputs, _output: read.append(inputs[0])) for mlp in decoder.noise_mlp]
    outputs = []
    decode = decoder.decode
    monkeypatch.setattr(decoder, "decode", lambda *args, **kwargs: outputs.append(decode(*args, **kwargs)) or outputs[-1])
    with torch.no_grad():
        sam(images, Prompt(mask=masks))
    for handle in handles:
        handle.remove()
    tokens = outputs[0].tokens
    assert tokens.shape[1] == 1 + 4 + 3  # IoU, masks, noise; a mask adds no token
    for channel in range(3):
        torch.testing.assert_close(read[channel], tokens[:, 4 + channel])


def test_what_is_trained_is_what_sam_does_not_have(sam: Generator) -> None:
    trained = {id(parameter) for parameter in sam.noise_parameters()}
    assert {name for name, parameter in sam.named_parameters() if id(parameter) in trained} == {
        name for name, _ in sam.named_parameters() if name.startswith("mask_decoder.noise_")
    }
