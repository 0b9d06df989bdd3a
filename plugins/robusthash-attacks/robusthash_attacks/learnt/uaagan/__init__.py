"""UAA-GAN (Zhao et al., 2019): a generator of perturbations that move queries away from where they are."""
