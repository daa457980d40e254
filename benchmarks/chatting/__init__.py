"""The parts of benchmarks/chat.py: what runs, who asks, and what is made of it."""
