"""What every attack has to beat: noise, and visible alterations that no radius bounds."""
