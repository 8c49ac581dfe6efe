"""Plans: their text, time and buffers of each node, errors of estimates, shape. Pure, linear in the number of nodes."""
