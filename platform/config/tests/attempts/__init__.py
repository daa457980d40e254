"""What the suites of written bodies and of escalation share: a scene, ways to write, and facts."""
