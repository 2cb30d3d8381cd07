"""The ground everything stands on: blame, intervals, clocks, secrets, transcripts."""
