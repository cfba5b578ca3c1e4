"""What lies between the servers of a sandbox: links that can be slowed, cut and restored."""
