"""Plans: what the live server shows of the statements it runs."""
