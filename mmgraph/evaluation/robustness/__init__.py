"""How a trained model fares where less is known than in training, and for whom; how sure it may be."""
