"""Reads `content/`: the model, the loader, the library that answers look-ups, and the checks. It knows nobody else."""
