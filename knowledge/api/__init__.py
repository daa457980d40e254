"""The API of documents and of search."""
