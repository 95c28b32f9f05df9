"""Places without a map company: a gazetteer on disk, distances, and the nearest town. Pure: no engine, no storage."""
