"""Plain data to text and pages; knows no run."""
