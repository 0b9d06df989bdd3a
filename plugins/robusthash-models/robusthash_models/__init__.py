"""Hash models: deep objectives, classical baselines, perceptual hashes, and backbones."""
