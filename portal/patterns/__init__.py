"""One page with every component and sample data, to look at and to photograph."""
