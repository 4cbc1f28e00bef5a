"""Scores split over processes: what ranks tell one another, and what each computes alone."""
