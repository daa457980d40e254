"""What every API endpoint has in common and that knows no organization."""
