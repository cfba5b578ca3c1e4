"""The console of Redis, Valkey and Sentinel: it reads a line and prints a reply as redis-cli does.

Law of this folder: the server's words are printed as redis-cli prints them, except that no control
character gets through. What is ours, a limit or a hint, is said apart from them.
"""
