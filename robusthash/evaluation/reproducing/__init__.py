"""Records reproduced: their inputs made again, and compared with what is stored."""
