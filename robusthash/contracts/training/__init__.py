"""What a training is told, what it is handed batch by batch, and what it says about itself."""
