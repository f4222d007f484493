"""The read-only Docker tool: one command of a person, checked, run and shown.

line -> words -> Plan -> ToolRun, and between the CLI and the engine a proxy that can only read. Each of the two walls,
the plan and the proxy, holds alone.
"""
