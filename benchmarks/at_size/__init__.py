"""Parts of `search_at_size.py`: vectors, the world they are loaded into, what is compared."""
