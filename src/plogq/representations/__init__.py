"""What a caller writes: targets, predictions and their wrappers, which say what arrays are."""
