"""A censored internet on one machine: the demo, the test bed and the benchmark of balise.

Network namespaces with real servers (topology, namespaces, services), middleboxes and ordinary faults (boxes), and the
scenarios that are played on them (scenario, runner). It imports the wire and nothing else of ours: agent and collector
are programs to it, started as a user would start them.
"""
