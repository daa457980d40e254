"""The API of agents and of conversations with them."""
