"""One module per way of driving a thing; each verb has a deadline and reads back what it set.

Who needs a driver asks `harness.drivers.factory` for it and knows it by its protocol alone
(`harness.drivers.protocols`).
"""
