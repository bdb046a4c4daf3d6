"""Lambda's execution environments on this machine, by the Runtime API and the real awslambdaric.

One process per environment; `pool` gives each invocation an environment of its own, as Lambda does.
It runs inside ministack's process, which has nothing but the standard library and ministack.
"""
