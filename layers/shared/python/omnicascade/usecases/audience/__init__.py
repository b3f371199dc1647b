"""A journey for everybody in a segment: one execution lists them, moves them in batches, and waits between rounds."""
