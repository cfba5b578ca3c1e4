"""How a server lives: started, polled, stopped, killed, paused.

`process` for real ones, inside a cage or not; `fake` for web tests.

Law of this folder: it knows processes and states, but no learner, no lab and no transport. `stop`
and `kill` return only when it is dead.
"""
