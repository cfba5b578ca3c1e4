"""What scripts/provision.py is made of.

Law of this folder: the standard library and nothing else, for it runs before anything is installed.
"""
