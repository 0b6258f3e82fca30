"""What is kept of a training: the run folder in DeepRacer's layout, its logs, graphs, and the garage of cars."""
