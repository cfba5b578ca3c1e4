"""Workers that run a strategy's own text at the same time, one named step after another, in a
schedule that can be played again.

Law of this folder: what is reported was seen on the servers after the steps were really taken.
Nothing here depends on what a strategy should do.
"""
