"""Two small networks in plain numpy, read from PyTorch files without PyTorch: who speaks when, and how a voice sounds."""
