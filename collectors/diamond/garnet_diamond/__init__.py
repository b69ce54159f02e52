"""garnet-diamond: one collector of Diamond's in a process of its own, its metrics to Garnet's socket.

main has the command line, find the collector's file, load its class, config its configuration, rounds its life, watch its end when that
takes too long, sender the way of its metrics; report says what is wrong with it, show is for people. What the collector itself imports is the package `diamond` beside this one.
"""
