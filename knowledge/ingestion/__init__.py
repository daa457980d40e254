"""From a file to passages and vectors: read, split, embed. Nothing here knows a model or a table."""
