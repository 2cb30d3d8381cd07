"""The lab, the library of episodes, and the recordings that they leave."""
