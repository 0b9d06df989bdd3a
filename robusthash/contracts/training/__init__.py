"""The recipe of a training, the loss of its batches, and its report."""
