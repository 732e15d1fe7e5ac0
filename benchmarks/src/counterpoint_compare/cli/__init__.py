"""The commands `counterpoint compare` and `counterpoint advise`."""
