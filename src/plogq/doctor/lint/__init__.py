"""Reading programs without running them: code goes in, facts for the rules come out."""
