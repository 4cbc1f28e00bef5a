"""Losses for the libraries that boost trees."""
