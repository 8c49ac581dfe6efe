-- Before 15 there is one set of statistics, of a partitioned table over its partitions.
c.relkind = 'p'
