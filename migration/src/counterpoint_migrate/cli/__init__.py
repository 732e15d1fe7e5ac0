"""The command `counterpoint migrate`."""
