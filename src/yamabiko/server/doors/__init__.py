"""Shapes that other tools speak: each door turns its own parameters into ours, and our transcript into its answer."""
