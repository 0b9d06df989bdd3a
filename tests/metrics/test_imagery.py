"""Perceptibility of a perturbation against independent libraries and worked values."""

import numpy as np
import pytest
import torch

from robusthash.errors import InputError
from robusthash.metrics import l2, linf, perceptibility, psnr, rmse, ssim


def pair(height: int = 40, width: int = 32, *, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(height)
    clean = torch.nn.functional.interpolate(
        torch.rand(3, 3, 8, 8, generator=random), (height, width), mode="bilinear", align_corners=False
    )
    changed = clean + noise * (torch.rand(clean.shape, generator=random) * 2 - 1)
    return changed.clamp(0, 1), clean


@pytest.mark.parametrize("size", [(11, 11), (16, 16), (40, 32)])
def test_ssim_equals_scikit_image(size: tuple[int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    changed, clean = pair(*size)
    for value, left, right in zip(ssim(changed, clean).tolist(), changed, clean, strict=True):
        oracle = metrics.structural_similarity(
            left.double().numpy(),
            right.double().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert value == pytest.approx(oracle, abs=1e-10)


def test_ssim_and_psnr_equal_torchmetrics() -> None:
    image = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is not installed")
    changed, clean = (part.double() for part in pair())
    _, full = image.structural_similarity_index_measure(changed, clean, data_range=1.0, return_full_image=True)
    oracle = full[:, :, 5:-5, 5:-5].mean((1, 2, 3))  # without the border that it mirrors
    torch.testing.assert_close(ssim(changed, clean), oracle, rtol=0, atol=1e-9)
    oracle = image.peak_signal_noise_ratio(changed, clean, data_range=1.0, reduction="none", dim=(1, 2, 3))
    torch.testing.assert_close(psnr(changed, clean), oracle)


def test_equal_images() -> None:
    _, clean = pair()
    assert psnr(clean, clean).tolist() == [100.0] * 3
    torch.testing.assert_close(ssim(clean, clean), torch.ones(3, dtype=torch.float64))
    assert linf(clean, clean).tolist() == l2(clean, clean).tolist() == rmse(clean, clean).tolist() == [0.0] * 3


def test_worked_values() -> None:
    clean, changed = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    changed[0, 0, 0, 0], changed[1] = 0.5, 0.1
    assert linf(changed, clean).tolist() == pytest.approx([0.5, 0.1])
    assert l2(changed, clean).tolist() == pytest.approx([0.5, 0.1 * np.sqrt(12)])
    assert rmse(changed, clean).tolist() == pytest.approx([0.5 / np.sqrt(12), 0.1])
    assert psnr(changed, clean).tolist() == pytest.approx([10 * np.log10(48), 20], abs=1e-5)
    assert perceptibility(changed, clean) == pytest.approx(np.sqrt((0.25 / 12 + 0.01) / 2))


def test_more_noise_is_seen_more() -> None:
    little, much = pair(noise=0.05), pair(noise=0.2)
    assert (ssim(*little) > ssim(*much)).all()
    assert (psnr(*little) > psnr(*much)).all()


def test_small_images_and_strangers_are_refused() -> None:
    small = torch.zeros(1, 3, 10, 16)
    with pytest.raises(InputError, match="at least 11"):
        ssim(small, small)
    for metric in (psnr, ssim, linf, l2, rmse):
        with pytest.raises(InputError, match="its own original"):
            metric(torch.zeros(2, 3, 16, 16), torch.zeros(1, 3, 16, 16))
