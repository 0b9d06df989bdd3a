"""Datasets in MATLAB files: with everything in one file, or with names and labels and a folder of images."""
