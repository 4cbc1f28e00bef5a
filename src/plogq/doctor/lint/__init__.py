"""Reading programs without running them: code goes in, facts for the rules come out.

From below: `values` are what names can stand for; `machine` says, as a protocol, what runs a
program; `moves`, `arithmetic`, `indexing` and `verbs` are the algebra of arrays; `library` is what
libraries do, given to the machine that is in `running`. `project` finds files, `run` lints them.
"""
