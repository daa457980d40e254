"""A turn: from a question to its reply, as events that are kept and streamed."""
