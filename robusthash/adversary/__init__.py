"""What drives an attack: the gradient engine, its step rules, the aims, and the target selector."""
