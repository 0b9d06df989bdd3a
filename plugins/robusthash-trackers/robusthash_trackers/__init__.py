"""Observers of evaluations for MLflow, Weights & Biases and TensorBoard."""
