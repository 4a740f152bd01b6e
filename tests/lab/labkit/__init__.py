"""The lab: a real Postiz + Temporal stack on one machine, to run and to break."""
