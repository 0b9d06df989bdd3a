"""CLIP's towers (Radford et al., ICML 2021), as feature networks of images and of bags of words."""
