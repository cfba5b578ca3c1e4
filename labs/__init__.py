"""The labs of Cacheground. A portal uses labs.client."""
