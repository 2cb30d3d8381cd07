"""The emulated telephones: a DHCP client, a settings file and a SIP or H.323 agent in one process each."""
