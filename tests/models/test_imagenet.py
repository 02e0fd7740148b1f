"""The ImageNet weights land in the right tensors: the network recognises what it was trained on."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.models import imagenet as weights

timm = pytest.importorskip("timm")


def _picture(name: str) -> torch.Tensor:
    """(1, 3, 224, 224), the square centre of one of scikit-image's own pictures, in the range the weights expect."""
    import skimage
    from PIL import Image

    image = Image.fromarray(getattr(skimage.data, name)())
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    image_01 = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    return (image_01 - weights.MEAN) / weights.STD


@pytest.mark.parametrize(
    ("picture", "classes"),
    [("chelsea", {281, 282, 285}), ("coffee", {967, 968})],  # tabby, tiger cat, Egyptian cat; espresso, cup
)
def test_classifier_recognises_pictures(picture: str, classes: set[int]) -> None:
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    weights.load_imagenet_lite0(model)
    with torch.no_grad():
        probabilities = model(_picture(picture)).softmax(1)[0]
    assert int(probabilities.argmax()) in classes
    assert float(probabilities[list(classes)].sum()) > 0.7


def test_feature_encoder_is_the_classifier_without_its_head() -> None:
    classifier = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    encoder = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(0, 1, 2, 3)).eval()
    weights.load_imagenet_lite0(classifier)
    weights.load_imagenet_lite0(encoder)
    image = _picture("chelsea")
    with torch.no_grad():
        expected = classifier.forward_intermediates(image, indices=[0, 1, 2, 3], intermediates_only=True)
        for found, wanted in zip(encoder(image), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_names_agree_with_the_order_of_tensors() -> None:
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    expected = [(name, tensor.shape) for name, tensor in model.state_dict().items()]
    assert [(name, tensor.shape) for name, tensor in weights.imagenet_lite0_state_dict().items()] == expected


def test_another_network_is_refused_and_left_alone() -> None:
    stranger = torch.nn.Conv2d(3, 32, 3)
    before = stranger.weight.clone()
    with pytest.raises(ValueError, match="not a tf_efficientnet_lite0"):
        weights.load_imagenet_lite0(stranger)
    assert torch.equal(stranger.weight, before)


def test_absent_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as problem:
        weights.weights_path()
    assert weights.PACKAGE in problem.value.message
    assert "unseg_cli[train]" in problem.value.hint
