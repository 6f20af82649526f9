"""``outpost-agent devices …``: what an installer and the support do by hand.

Law: the command line says what the running box would say: same rooms, same ledger, same log-in rests. It
writes to a device only what was asked for by name, shows before and after, and asks before what is dangerous.
"""
