"""A provider that is none: real HTTP, scripted answers, and every way of going wrong.

`manage.py fake_provider` runs it; docs/providers.md describes the script.
"""
