"""Trainings that several presets share: ours for small images, and those of public repositories."""

TUNED = "tuned for small images and few epochs"  #: what summaries say of ours

OURS = {"optimizer": "adam", "lr": 2e-3, "epochs": 20, "batch_size": 64}
PROSGAN = {
    "optimizer": "sgd",
    "lr": 0.05,
    "momentum": 0.0,
    "weight_decay": 1e-5,
    "epochs": 100,
    "batch_size": 32,
    "schedule": "step",
}
SAAT = PROSGAN | {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
DEEPHASH = {"optimizer": "rmsprop", "lr": 1e-5, "weight_decay": 1e-5, "epochs": 150}
