"""The face for clients of OpenAI's chat completions: a model is an agent. Nothing is stored.

Written after OpenAI's API reference, chat completions and models, and tried with its Python client.
"""
