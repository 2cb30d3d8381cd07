"""dumpcap at every capture point, tshark over its files, typed events out of them."""
