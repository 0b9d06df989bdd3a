"""ProS-GAN (Wang et al., CVPR 2021): a generator of adversarial images, supervised by the target label's prototype."""
