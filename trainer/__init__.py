"""The workstation half: simulate, reward, learn, evaluate, export."""
