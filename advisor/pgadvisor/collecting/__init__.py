"""The parts of collection: one look at one database, its workload, and the databases of a server."""
