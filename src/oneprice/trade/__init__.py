"""From an opportunity to a settled deal, and everything that keeps it from losing something."""
