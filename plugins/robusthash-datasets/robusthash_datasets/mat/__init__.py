"""Datasets in MATLAB files: of everything in one file, or of names and labels beside a folder of images."""
