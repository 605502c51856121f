"""Rules that objects of many kinds share: names, metadata, label selectors, plain values."""
