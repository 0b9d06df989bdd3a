"""Records of evaluations, the folder that keeps them, and the tables made from them."""
