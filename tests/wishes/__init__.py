"""What people asked for in public, each as the situation that they had and the right value."""
