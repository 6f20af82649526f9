"""The feed's doors that push: signed webhooks to the case systems."""
