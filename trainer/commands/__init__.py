"""One file per verb of the lapwing command."""
