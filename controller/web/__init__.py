"""The live page of the centre: plain HTML that works without a script and stays fresh with one."""
