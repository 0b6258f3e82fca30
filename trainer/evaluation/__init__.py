"""How good a policy is: greedy trials in fresh worlds, their figures, videos and drive logs."""
