"""The API of organizations, people and projects, and what all of an organization's API shares."""
