"""How large an index is when CREATE INDEX has just built it, by access method; pure arithmetic on statistics."""
