"""Pictures with their truth, for training generators and for judging victims."""
