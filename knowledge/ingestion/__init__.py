"""From a file to passages and vectors. `pipeline` knows Django; the rest are plain functions."""
