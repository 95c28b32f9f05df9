"""Our parts of the engine's pipeline, named by import path in `config.yml`."""
